/** An error that looks like the system's own, for the cases that the system would never see. */
export function systemError(code: string, text: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}
