/**
 * What a step of the core wants done. The driver does it in this order:
 *
 * 1. make the `operations`, all of them, in order; have them synced, and report `token` with the event `synced`;
 * 2. send each message once its `afterToken` is synced, at once when it already is;
 * 3. hand out `installed` and `committed`, in this order;
 * 4. settle the `answers`;
 * 5. step with `tick` at `nextTickMs` or later.
 */
import type { MillraceError } from '@millrace/base';
import type { HardState } from '../durable-state.js';
import type { RaftEntry } from '../entry.js';
import type { Leadership } from '../leadership.js';
import type { RaftMessage, SnapshotMessage } from '../messages.js';
import type { LogStart, SnapshotDescription } from '../snapshot.js';

/** One change of the disk; each is the call of the same name of `RaftStorage`. */
export type StorageOperation =
  | { readonly kind: 'hardState'; readonly hardState: HardState }
  | { readonly kind: 'append'; readonly entries: readonly RaftEntry[] }
  | { readonly kind: 'truncate'; readonly end: number }
  | { readonly kind: 'advanceStart'; readonly start: LogStart }
  | {
      readonly kind: 'receiveSnapshot';
      readonly snapshot: SnapshotDescription;
      readonly offset: number;
      readonly chunk: Uint8Array;
    }
  | { readonly kind: 'installSnapshot'; readonly snapshot: SnapshotDescription };

export interface OutgoingMessage {
  readonly message: RaftMessage;
  readonly afterToken: number;
}

/** A message to be sent with up to `maxBytes` of the snapshot from `message.offset` on as its chunk. */
export interface OutgoingChunk {
  readonly message: SnapshotMessage;
  readonly maxBytes: number;
}

/** The outcome of a request event, by its id. */
export type RaftAnswer =
  | {
      readonly id: number;
      /** For `propose` and membership changes the end of the entry; else the position that was asked about. */
      readonly position: number;
      readonly error?: undefined;
    }
  | { readonly id: number; readonly error: MillraceError };

export interface RaftEffects {
  readonly operations: readonly StorageOperation[];
  readonly token: number;
  readonly messages: readonly OutgoingMessage[];
  readonly chunks: readonly OutgoingChunk[];
  /** A snapshot took the place of everything before its position. */
  readonly installed: LogStart | undefined;
  /** Entries committed since the last step, and on this replica's disk. */
  readonly committed: readonly RaftEntry[];
  readonly answers: readonly RaftAnswer[];
  /** Set when role, term or leader changed. */
  readonly leadership: Leadership | undefined;
  /** Monotonic time at which the core must be woken, if nothing else happens before. */
  readonly nextTickMs: number;
}
