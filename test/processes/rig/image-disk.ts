/**
 * A disk that can lose power: an ext4 file system in an image file.
 *
 *     mounted --cut--> the image as it is at that moment, without what the kernel still holds in memory --> mounted
 *
 * What programs wrote and did not sync lies in the page cache of the mounted file system and is not in the image. Whoever
 * uses the disk is stopped before it is cut, and the copy is compared with the image after it was made, until they are
 * equal: so it is the image of one moment, which a copy that is made while the kernel writes back would not be.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const attempts = 50;

export class ImageDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;

  private constructor(path: string, image: string) {
    this.path = path;
    this.#image = image;
  }

  /** An empty disk, mounted; or why this machine cannot have one. */
  static open(directory: string, name: string, sizeMiB: number): ImageDisk | { readonly reason: string } {
    const path = join(directory, name);
    const image = join(directory, `${name}.img`);
    mkdirSync(path, { recursive: true });
    const disk = new ImageDisk(path, image);
    const failure =
      run('truncate', ['-s', `${sizeMiB}M`, image]) ?? run('mkfs.ext4', ['-q', '-F', image]) ?? disk.#mount();
    return failure === undefined ? disk : { reason: failure };
  }

  /** Takes the image of this moment. Nobody may be writing. */
  cut(): void {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      must(run('cp', ['--sparse=always', this.#image, `${this.#image}.cut`]));
      if (spawnSync('cmp', ['-s', this.#image, `${this.#image}.cut`]).status === 0) return;
    }
    throw new Error(`${this.#image} does not come to rest: who writes to it?`);
  }

  /** The power is back: the disk is what it was when it was cut. Nobody may use it any more. */
  restore(): void {
    this.#unmount();
    renameSync(`${this.#image}.cut`, this.#image);
    must(this.#mount());
  }

  /** Unmounts, and is gone. */
  close(): void {
    this.#unmount();
    rmSync(this.#image, { force: true });
  }

  #mount(): string | undefined {
    return run('mount', ['-o', 'loop', this.#image, this.path]);
  }

  #unmount(): void {
    must(run('umount', [this.path]));
  }
}

/** Why this machine cannot cut power; undefined when it can. */
export function noImageDisks(directory: string): string | undefined {
  const disk = ImageDisk.open(directory, 'probe', 8);
  if (!(disk instanceof ImageDisk)) return disk.reason;
  disk.close();
  return undefined;
}

function run(command: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`;
}

function must(failure: string | undefined): void {
  if (failure !== undefined) throw new Error(failure);
}
