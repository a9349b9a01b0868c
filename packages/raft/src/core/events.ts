import type { StoredSnapshot } from '../durable-state.js';
import type { RaftMessage } from '../messages.js';
import type { ReplicaKey } from '../replica.js';

/** What can happen to a replica. Requests have an `id`, under which their answer appears in the effects of this step or a later one. */
export type RaftEvent =
  /** Time has passed. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly message: RaftMessage }
  /** Everything up to this token is on disk. */
  | { readonly kind: 'synced'; readonly token: number }
  /** Append these records as one entry; answered in the same step. They are replicated by the next `flush`. */
  | { readonly kind: 'propose'; readonly id: number; readonly records: readonly Uint8Array[] }
  /** Send what was proposed: one message for all proposals of a turn. */
  | { readonly kind: 'flush' }
  /** Answered when everything in the log now is committed and this replica led at some moment after now. */
  | { readonly kind: 'read'; readonly id: number }
  /** The state machine has a durable snapshot: this is the newest, and entries before `start` are not needed. */
  | { readonly kind: 'compact'; readonly start: number; readonly snapshot: StoredSnapshot }
  /** The snapshot being sent to `to` is no longer on disk. */
  | { readonly kind: 'snapshotGone'; readonly to: ReplicaKey; readonly position: number }
  /** The process of this node has ended: nothing listens where it did. A belief that may be wrong, and does no harm then. */
  | { readonly kind: 'gone'; readonly id: number }
  | { readonly kind: 'addVoter'; readonly id: number; readonly replica: ReplicaKey }
  | { readonly kind: 'removeVoter'; readonly id: number; readonly replica: ReplicaKey }
  /** Hand leadership to the voter with this node id, or to the most advanced one. */
  | { readonly kind: 'transfer'; readonly id: number; readonly to: number | undefined };

/** When a step happens. */
export interface Moment {
  /** Monotonic; never goes back. */
  readonly nowMs: number;
  /** A fresh random number, `0 <= draw < 1`: the core draws none itself. */
  readonly draw: number;
}
