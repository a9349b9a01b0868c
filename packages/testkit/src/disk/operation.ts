/**
 * What happened to a disk, in order: enough to build the disk again as it was after any number of operations.
 *
 * Files and directories have numbers, given in order of creation, because a write goes to a file whatever its name is by
 * then. A sync
 * stands where it *ended*, and makes durable what came before the operation with index `covers`, where it began.
 */
export type DiskOperation =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'makeDirectory'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'removeFile'; readonly path: string }
  | { readonly kind: 'removeDirectory'; readonly path: string }
  | FileWrite
  | { readonly kind: 'truncate'; readonly path: string; readonly file: number; readonly sizeBytes: number }
  | { readonly kind: 'sync'; readonly path: string; readonly file: number; readonly covers: number }
  | { readonly kind: 'syncDirectory'; readonly path: string; readonly directory: number; readonly covers: number }
  | FailedSync;

export interface FileWrite {
  readonly kind: 'write';
  readonly path: string;
  readonly file: number;
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** A sync that failed, with what it left: on the disk, and in the page cache, whose pages count as clean from then on. */
export interface FailedSync {
  readonly kind: 'failedSync';
  readonly path: string;
  readonly file: number;
  readonly durable: Uint8Array;
  readonly cached: Uint8Array;
}
