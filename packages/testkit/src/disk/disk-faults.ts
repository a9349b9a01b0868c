/** Errors that a disk will give, set up beforehand. */
import type { RandomStream } from '@millrace/base';
import { systemError } from './system-error.js';

export type DiskCall =
  | 'open'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'removeFile'
  | 'removeDirectory'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'syncDirectory';

export interface DiskFault {
  readonly operation: DiskCall;
  /** Any path when absent; for a rename, the old one. */
  readonly path?: string | RegExp;
  /** The system's code: `EIO`, `ENOSPC`, `EMFILE`, ... */
  readonly code: string;
  /** How many calls fail; 1 when absent. */
  readonly times?: number;
  /** How many matching calls succeed before; 0 when absent. */
  readonly after?: number;
  /** The process gets no further than this call: it and all later ones fail, and this is called to end the process. */
  readonly onReached?: () => void;
}

export class DiskFaults {
  #pending: { readonly fault: DiskFault; left: number; skip: number }[] = [];
  /** Share of writes that come back short without need. */
  shortWrites = 0;
  #isFrozen = false;

  /** Whether the process reached the call that it is to end at: nothing it does counts any more. */
  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  add(fault: DiskFault): void {
    this.#pending.push({ fault, left: fault.times ?? 1, skip: fault.after ?? 0 });
  }

  clear(): void {
    this.#pending = [];
    this.shortWrites = 0;
    this.#isFrozen = false;
  }

  /** The error this call must fail with, if any. */
  take(operation: DiskCall, path: string): Error | undefined {
    if (this.#isFrozen) return systemError('EIO', operation, path);
    for (const pending of this.#pending) {
      if (pending.fault.operation !== operation || !matches(pending.fault.path, path)) continue;
      if (pending.skip > 0) {
        pending.skip -= 1;
        continue;
      }
      pending.left -= 1;
      if (pending.left <= 0) this.#pending = this.#pending.filter((other) => other !== pending);
      if (pending.fault.onReached !== undefined) {
        this.#isFrozen = true;
        pending.fault.onReached();
      }
      return systemError(pending.fault.code, operation, path);
    }
    return undefined;
  }

  check(operation: DiskCall, path: string): void {
    const error = this.take(operation, path);
    if (error !== undefined) throw error;
  }

  shorten(length: number, random: RandomStream): number {
    if (length < 2 || this.shortWrites === 0 || random.fraction() >= this.shortWrites) return length;
    return random.integer(1, length);
  }
}

function matches(pattern: string | RegExp | undefined, path: string): boolean {
  if (pattern === undefined) return true;
  return typeof pattern === 'string' ? pattern === path : pattern.test(path);
}
