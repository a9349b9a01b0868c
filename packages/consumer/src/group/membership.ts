/**
 * One member of a group as it sees itself. Pure: told what happened and what time it is, it says what to send, which
 * partitions to take and which to give up. The group member carries it out.
 *
 *     joining ──answered──▶ member ──put out──▶ joining
 *        ▲                    │
 *        └─ rejoin, left ─ away ◀── step back (the program has stopped reading)
 *     any ──final error, end──▶ ended
 *
 *     a partition:   not ours ──taken──▶ ours ──to release──▶ releasing ──released──▶ not ours
 *                                         └────────── put out, step back ──────────────▲   lost: at once
 *
 * Invariants: what the coordinator is told that we own is what the program may be getting records of; a partition stops
 * being owned only when it was released or lost; only the answer to the newest heartbeat counts (one before it may be held
 * at the coordinator, and is over once another is sent).
 */
import { assert, type MillraceError } from '@millrace/base';

export interface GroupPartition {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
}

/** A heartbeat to send. */
export interface Beat {
  readonly sentMs: number;
  readonly memberEpoch: number;
  /** Everything is said again: the member joins, or its last heartbeat may not have arrived. */
  readonly isFull: boolean;
  readonly owned: readonly GroupPartition[];
}

export interface BeatReply {
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** All that the member may have; null: no change. */
  readonly assignment:
    | readonly {
        readonly topicId: string;
        readonly topic: string;
        readonly partitions: readonly number[];
      }[]
    | null;
}

export interface Change {
  readonly taken: readonly GroupPartition[];
  /** To be given up: `released` says that it is done. */
  readonly toRelease: readonly GroupPartition[];
}

export interface Refusal {
  /** Not ours any more, as of now. */
  readonly lost: readonly GroupPartition[];
  /** Set when no later heartbeat will be better. */
  readonly fatal: MillraceError | undefined;
}

export type MembershipPhase = 'joining' | 'member' | 'away' | 'ended';

/** How long a member waits for the session of the one that had its instance id before: longer than sessions last. */
const instancePatienceMs = 90_000;

const noChange: Change = { taken: [], toRelease: [] };

export class Membership {
  readonly #backoffMs: (failures: number) => number;
  #phase: MembershipPhase = 'joining';
  #epoch = 0;
  readonly #owned = new Map<string, GroupPartition>();
  readonly #releasing = new Set<string>();
  #newest: Beat | undefined;
  /** There is something to say now, though a heartbeat may be waiting for its answer. */
  #hasWord = false;
  #saysAll = true;
  #dueMs = 0;
  #failures = 0;
  #instanceRefusedMs = -1;
  #hasAssignment = false;
  /** The coordinator is being told of the step back. */
  #isLeaving = false;
  #wantsBack = false;

  constructor(backoffMs: (failures: number) => number) {
    this.#backoffMs = backoffMs;
  }

  get phase(): MembershipPhase {
    return this.#phase;
  }

  /** As given by the coordinator; 0 before. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether it has joined, and nothing that it was told is left to do. */
  get isSettled(): boolean {
    return this.#phase === 'member' && this.#hasAssignment && this.#releasing.size === 0;
  }

  get owned(): readonly GroupPartition[] {
    return [...this.#owned.values()];
  }

  /** When `next` has something to send unless something happens before; Infinity: only then. */
  get wakeAtMs(): number {
    if (this.#phase === 'away' || this.#phase === 'ended') return Infinity;
    if (this.#newest !== undefined && (!this.#hasWord || this.#phase === 'joining')) return Infinity;
    return this.#dueMs;
  }

  /** The heartbeat to send now. */
  next(nowMs: number): Beat | undefined {
    if (nowMs < this.wakeAtMs) return undefined;
    this.#hasWord = false;
    this.#newest = { sentMs: nowMs, memberEpoch: this.#epoch, isFull: this.#saysAll, owned: this.owned };
    return this.#newest;
  }

  answered(beat: Beat, reply: BeatReply, nowMs: number): Change {
    if (beat !== this.#newest) return noChange;
    this.#newest = undefined;
    const isNewEpoch = reply.memberEpoch !== this.#epoch;
    this.#phase = 'member';
    this.#epoch = reply.memberEpoch;
    this.#saysAll = false;
    this.#failures = 0;
    this.#instanceRefusedMs = -1;
    const change = reply.assignment === null ? noChange : this.#compare(reply.assignment);
    // What was taken is confirmed at once; what is being given up is confirmed when it is done.
    const hasWord = change.taken.length > 0 || (isNewEpoch && this.#releasing.size === 0);
    this.#dueMs = hasWord ? nowMs : Math.max(nowMs, beat.sentMs + reply.heartbeatIntervalMs);
    return change;
  }

  refused(beat: Beat, error: MillraceError, nowMs: number): Refusal {
    if (beat !== this.#newest) return { lost: [], fatal: undefined };
    this.#newest = undefined;
    this.#saysAll = true;
    this.#failures += 1;
    this.#dueMs = nowMs + this.#backoffMs(this.#failures);
    if (error.code === 'UNKNOWN_MEMBER_ID' || error.code === 'FENCED_MEMBER_EPOCH') {
      return { lost: this.#start('joining'), fatal: undefined };
    }
    if (error.retriable || this.#isInstanceAwaited(error, nowMs)) return { lost: [], fatal: undefined };
    return { lost: this.#start('ended'), fatal: error };
  }

  /** The program has let go of them, and what it did is committed. */
  released(partitions: readonly GroupPartition[], nowMs: number): void {
    for (const partition of partitions) {
      const key = keyOf(partition);
      assert(this.#releasing.delete(key), 'a partition is released once, after it was to be');
      this.#owned.delete(key);
    }
    this.#hasWord = true;
    this.#dueMs = nowMs;
  }

  /** Out of the group until `rejoin`; the coordinator is to be told, and `left` says when that is over. Returns what is lost. */
  stepBack(): readonly GroupPartition[] {
    if (this.#phase === 'ended') return [];
    this.#isLeaving = true;
    this.#wantsBack = false;
    return this.#start('away');
  }

  left(nowMs: number): void {
    this.#isLeaving = false;
    if (this.#wantsBack) this.rejoin(nowMs);
  }

  /** Not before it has left: a request to leave that comes late would put it out of its new life without its knowledge. */
  rejoin(nowMs: number): void {
    if (this.#phase !== 'away') return;
    this.#wantsBack = this.#isLeaving;
    if (this.#isLeaving) return;
    this.#phase = 'joining';
    this.#dueMs = nowMs;
  }

  end(): readonly GroupPartition[] {
    return this.#start('ended');
  }

  #start(phase: MembershipPhase): readonly GroupPartition[] {
    const lost = this.owned;
    this.#phase = phase;
    this.#epoch = 0;
    this.#owned.clear();
    this.#releasing.clear();
    this.#newest = undefined;
    this.#hasWord = false;
    this.#saysAll = true;
    this.#hasAssignment = false;
    return lost;
  }

  #compare(assignment: NonNullable<BeatReply['assignment']>): Change {
    this.#hasAssignment = true;
    const taken: GroupPartition[] = [];
    const assigned = new Set<string>();
    for (const { topicId, topic, partitions } of assignment) {
      for (const partition of partitions) {
        const one = { topicId, topic, partition };
        const key = keyOf(one);
        assigned.add(key);
        if (this.#owned.has(key)) continue;
        this.#owned.set(key, one);
        taken.push(one);
      }
    }
    const toRelease: GroupPartition[] = [];
    for (const [key, partition] of this.#owned) {
      if (assigned.has(key) || this.#releasing.has(key)) continue;
      this.#releasing.add(key);
      toRelease.push(partition);
    }
    return { taken, toRelease };
  }

  #isInstanceAwaited({ code }: MillraceError, nowMs: number): boolean {
    if (code !== 'UNRELEASED_INSTANCE_ID') return false;
    if (this.#instanceRefusedMs === -1) this.#instanceRefusedMs = nowMs;
    return nowMs - this.#instanceRefusedMs < instancePatienceMs;
  }
}

function keyOf({ topicId, partition }: GroupPartition): string {
  return `${topicId}:${partition}`;
}
