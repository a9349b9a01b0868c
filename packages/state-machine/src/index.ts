export type { CommittedLog } from './committed-log.js';
export { PersistentMap } from './persistent-map.js';
export type { SnapshotCodec } from './snapshot-codec.js';
export { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot-file.js';
export { SnapshotStore, type SnapshotStoreOptions, type StoredSnapshotFile } from './snapshot-store.js';
export type { Decision, StateMachine } from './state-machine.js';
export {
  StateMachineHost,
  type SnapshotPolicy,
  type StateAt,
  type StateMachineHostOptions,
} from './state-machine-host.js';
