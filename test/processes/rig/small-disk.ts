/** A file system of a few MiB, in memory, that a test can fill. Takes the right to mount. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

export interface SmallDisk {
  readonly path: string;
  /** Gives back the space that was taken from the start. */
  makeRoom(): void;
  unmount(): void;
}

/** Undefined when this process may not mount. So many MiB of `sizeMiB` are taken until `makeRoom`. */
export function mountSmallDisk(path: string, sizeMiB: number, takenMiB: number): SmallDisk | undefined {
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', path]);
  if (mounted.status !== 0) return undefined;
  const ballast = join(path, 'ballast');
  writeFileSync(ballast, Buffer.alloc(takenMiB * 1024 * 1024));
  return {
    path,
    makeRoom: () => {
      rmSync(ballast);
    },
    unmount: () => {
      expect(spawnSync('umount', [path]).status).toBe(0);
    },
  };
}
