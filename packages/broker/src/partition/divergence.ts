/**
 * Where the log of a follower left that of its leader, found by comparing leader epochs (KIP-101, KIP-279, KIP-320):
 * the leader's half, and the follower's half. Nothing else ever cuts a replica: neither a high watermark nor an offset
 * that is out of range.
 *
 *     leader    1 1 1 1 2 2 5 5             follower's last epoch is 3: the leader answers "epoch 2 ends at 6"
 *     follower  1 1 1 1 2 3 3               and the follower cuts at 5, where its own epoch 2 ends
 *
 * One exchange may not be enough, after leaders that changed fast: the follower asks again with what is left.
 */
import { protocolError } from '@millrace/protocol';
import type { EpochEnd } from '@millrace/storage';

/** What a log knows of its leader epochs. */
export interface EpochedLog {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Of the last batch; -1 when there is none. */
  readonly leaderEpoch: number;
  endOffsetForEpoch(epoch: number): EpochEnd;
}

/** A leadership: it begins where the log ended when it was taken on, before its first record is there. */
export interface EpochStart {
  readonly leaderEpoch: number;
  readonly epochStartOffset: number;
}

/** The largest epoch not above the one asked for that the leader has records of, and where they end. */
export function epochEndAtLeader(
  log: EpochedLog,
  { leaderEpoch, epochStartOffset }: EpochStart,
  asked: number,
): EpochEnd {
  if (asked === leaderEpoch) return { epoch: asked, endOffset: log.endOffset };
  const hasNoRecordYet = log.leaderEpoch < leaderEpoch;
  if (hasNoRecordYet && asked < leaderEpoch && asked >= log.leaderEpoch) {
    return { epoch: log.leaderEpoch === -1 ? asked : log.leaderEpoch, endOffset: epochStartOffset };
  }
  return log.endOffsetForEpoch(asked);
}

/** What a follower says of its log with each fetch. */
export interface FetchPosition {
  readonly fetchOffset: number;
  /** -1: its log is empty. */
  readonly lastFetchedEpoch: number;
}

export interface Divergence {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/**
 * Undefined when the follower's log, up to where it ends, is part of the leader's. Throws `UNKNOWN_LEADER_EPOCH` when the
 * follower has records of a leader after this one: it must not be told to cut them.
 */
export function divergenceOf(log: EpochedLog, start: EpochStart, position: FetchPosition): Divergence | undefined {
  const { fetchOffset, lastFetchedEpoch } = position;
  if (lastFetchedEpoch === -1) return undefined;
  const end = epochEndAtLeader(log, start, lastFetchedEpoch);
  if (end.epoch === lastFetchedEpoch && fetchOffset <= end.endOffset) return undefined;
  if (end.epoch === -1) {
    throw protocolError('UNKNOWN_LEADER_EPOCH', `This node has not heard of leader epoch ${lastFetchedEpoch} yet.`);
  }
  return { leaderEpoch: end.epoch, endOffset: end.endOffset };
}

/** Where the follower cuts its log, given the leader's answer. Never above its end. */
export function truncationOffset(log: EpochedLog, { leaderEpoch, endOffset }: Divergence): number {
  const own = log.endOffsetForEpoch(leaderEpoch);
  // Without that epoch, and with no later one, what the leader says is all there is to go by.
  if (own.epoch === -1) return Math.min(endOffset, log.endOffset);
  if (own.epoch === leaderEpoch) return Math.min(endOffset, own.endOffset);
  return Math.min(own.endOffset, log.endOffset);
}
