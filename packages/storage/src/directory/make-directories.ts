import type { FileSystem } from '@millrace/base';

/** Creates a directory and those above it that are missing; what was created survives a power cut. */
export async function makeDirectories(files: FileSystem, path: string): Promise<void> {
  if (path === '' || files.stat(path) !== undefined) return;
  const slash = path.lastIndexOf('/');
  const parent = slash < 0 ? '.' : path.slice(0, Math.max(slash, 1));
  if (slash > 0) await makeDirectories(files, parent);
  files.makeDirectory(path);
  await files.syncDirectory(parent);
}
