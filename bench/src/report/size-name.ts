/** A number of bytes as people say it: 100 B, 1 KiB, 1 MiB. */
export function sizeName(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`;
}
