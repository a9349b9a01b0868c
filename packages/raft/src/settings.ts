import { assert } from '@millrace/base';

export interface RaftSettings {
  /**
   * A follower campaigns after hearing no leader for this long, plus up to as much again, drawn. A leader gives up
   * after hearing no majority for this long.
   */
  readonly electionTimeoutMs: number;
  /** How often a leader shows signs of life. Several must fit into an election timeout, or a lost one starts elections. */
  readonly heartbeatIntervalMs: number;
  /** Largest sum of records appended at once. */
  readonly maxEntryBytes: number;
  /** Largest entries or snapshot chunk in one message. Not below `maxEntryBytes`, or an entry could not travel. */
  readonly maxMessageBytes: number;
  /** Appends on the way to one follower without an answer. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Appended and not committed on the leader; more is refused, so that a leader without followers does not fill up. */
  readonly maxUncommittedBytes: number;
  /** Reads waiting for the leader to prove itself. */
  readonly maxPendingReads: number;
  /** Replicas that follow without a vote; one more is not sent the log. */
  readonly maxObservers: number;
  /** How long an added voter may take to catch up before it counts. */
  readonly catchUpTimeoutMs: number;
}

export const defaultRaftSettings: RaftSettings = {
  electionTimeoutMs: 1000,
  heartbeatIntervalMs: 150,
  maxEntryBytes: 1024 * 1024,
  maxMessageBytes: 1024 * 1024,
  maxInflightMessages: 64,
  maxInflightBytes: 8 * 1024 * 1024,
  maxUncommittedBytes: 16 * 1024 * 1024,
  maxPendingReads: 10_000,
  maxObservers: 1000,
  catchUpTimeoutMs: 30_000,
};

export function raftSettings(changes: Partial<RaftSettings> = {}): RaftSettings {
  const settings = { ...defaultRaftSettings, ...changes };
  for (const [name, value] of Object.entries(settings)) {
    assert(Number.isFinite(value) && value > 0, `${name} must be positive, got ${value}`);
  }
  assert(
    settings.heartbeatIntervalMs * 2 <= settings.electionTimeoutMs,
    `heartbeatIntervalMs ${settings.heartbeatIntervalMs} must fit twice into electionTimeoutMs ${settings.electionTimeoutMs}`,
  );
  assert(
    settings.maxEntryBytes <= settings.maxMessageBytes,
    `maxEntryBytes ${settings.maxEntryBytes} must not exceed maxMessageBytes ${settings.maxMessageBytes}`,
  );
  return settings;
}
