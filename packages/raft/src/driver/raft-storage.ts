/**
 * What a replica has on its disk. Changes are made at once, as the system's page cache takes them, in the order of the
 * calls; they are durable when a `sync` that began later has resolved.
 *
 * After a crash the disk holds the state after some number of the calls, at least all of the synced ones. Where hard
 * state and log are different files, each may have stopped at another call. An entry is there whole or not at all.
 *
 * Any throw or rejection ends the replica: what a disk holds after an error is not known, and is found out by
 * loading again.
 */
import type { DurableState, HardState, StoredSnapshot } from '../durable-state.js';
import type { RaftEntry } from '../entry.js';
import type { LogStart, SnapshotDescription } from '../snapshot.js';

export interface RaftStorage {
  /** Called once, before all others. Throws away a snapshot that arrived in part. */
  load(): Promise<DurableState>;
  saveHardState(hardState: HardState): void;
  /** Adds entries at the end. */
  append(entries: readonly RaftEntry[]): void;
  /** Removes everything from position `end` on. */
  truncate(end: number): void;
  /** Forgets the entries before `start.position`, and keeps `start` in their place. */
  advanceStart(start: LogStart): void;
  /** The newest whole snapshot that this replica's state machine wrote or that was installed. */
  snapshot(): StoredSnapshot | undefined;
  /** Bytes of a snapshot; fewer than asked for only at its end. Undefined when it is no longer there. */
  readSnapshot(position: number, offset: number, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Takes a piece of another replica's snapshot. Offset 0 begins anew and throws away what came before. */
  receiveSnapshot(snapshot: SnapshotDescription, offset: number, chunk: Uint8Array): void;
  /**
   * The snapshot is whole, and a sync has covered its bytes: it becomes the newest one, and the log becomes empty and
   * starts at its position. A crash leaves either the old log or the new snapshot and its start.
   */
  installSnapshot(snapshot: SnapshotDescription): void;
  /** Everything called before this is durable when it resolves. One is in flight at a time. */
  sync(): Promise<void>;
}
