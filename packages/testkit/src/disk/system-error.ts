const texts = {
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
} as const;

/** An error as Node makes it of a system call that failed: code in `code` and at the start of the message. */
export function systemError(code: string, operation: string, path: string): Error {
  const text = Object.hasOwn(texts, code) ? texts[code as keyof typeof texts] : 'injected error';
  return Object.assign(new Error(`${code}: ${text}, ${operation} '${path}'`), { code });
}
