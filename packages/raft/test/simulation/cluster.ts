/** A cluster of simulated replicas, the network between them, and the requests made of it. */
import { assert, type RandomStream } from '@millrace/base';
import { seededRandom } from '@millrace/testkit';
import type { RaftDefect } from '../../src/core/defects.js';
import type { RaftAnswer } from '../../src/core/effects.js';
import { membership, noMembership } from '../../src/membership.js';
import type { RaftMessage } from '../../src/messages.js';
import { isSameReplica, type ReplicaKey, replicaKey, replicaName } from '../../src/replica.js';
import { raftSettings, type RaftSettings } from '../../src/settings.js';
import { Checker, require } from './checker.js';
import { EventQueue } from './event-queue.js';
import { type ReplicaHost, SimulatedReplica } from './simulated-replica.js';

export const electionTimeoutMs = 100;
const maxPauseMs = 4 * electionTimeoutMs;

export interface ClusterOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers: number;
  readonly defects?: ReadonlySet<RaftDefect>;
}

/** Request events without their id. */
export type Request =
  | { readonly kind: 'propose'; readonly records: readonly Uint8Array[] }
  | { readonly kind: 'read' }
  | { readonly kind: 'addVoter' | 'removeVoter'; readonly replica: ReplicaKey }
  | { readonly kind: 'transfer'; readonly to: number | undefined };

export class Cluster implements ReplicaHost {
  readonly settings: RaftSettings;
  readonly checker = new Checker();
  readonly random: RandomStream;
  readonly defects: ReadonlySet<RaftDefect>;
  readonly bootstrapIds: readonly number[];
  readonly queue = new EventQueue();
  readonly marks = new Map<string, number>();
  /** By node id: the replica that the node runs now. */
  readonly nodes: SimulatedReplica[];
  /** Replicas whose disks were emptied: what was on them still shows what a majority had. */
  readonly wiped: SimulatedReplica[] = [];
  events = 0;
  traceHash = 0;
  /** `from * 100 + to` of links that carry nothing. */
  readonly cut = new Set<number>();
  lossShare = 0;
  doubleShare = 0;
  maxDelayMs = 3;
  slowShare = 0;
  maxSyncMs = 2;
  readonly log: string[] | undefined;
  readonly #network: RandomStream;
  #nextRequest = 1;
  readonly #reads = new Map<number, number>();
  #wipes = 0;

  constructor(options: ClusterOptions, log?: string[]) {
    const random = seededRandom(options.seed);
    this.log = log;
    this.random = random.stream('replicas');
    this.#network = random.stream('network');
    this.defects = options.defects ?? new Set();
    this.settings = raftSettings({
      electionTimeoutMs,
      heartbeatIntervalMs: 20,
      maxEntryBytes: 64,
      maxMessageBytes: 64,
      maxInflightMessages: 3,
      maxUncommittedBytes: 4000,
      maxPendingReads: 20,
      catchUpTimeoutMs: 1000,
    });
    const count = options.voters + options.observers;
    this.bootstrapIds = Array.from({ length: count }, (_, id) => id);
    const keys = this.bootstrapIds.map((id) => replicaKey(id, 'a'));
    const members = membership(keys.slice(0, options.voters));
    this.nodes = keys.map((key, id) => new SimulatedReplica(key, id < options.voters ? members : noMembership, this));
    for (const node of this.nodes) node.start();
  }

  allReplicas(): readonly SimulatedReplica[] {
    return [...this.nodes, ...this.wiped];
  }

  nowMs(): number {
    return this.queue.nowMs;
  }

  node(id: number): SimulatedReplica {
    const node = this.nodes[id];
    assert(node !== undefined, `no node ${id}`);
    return node;
  }

  /** The leader of the highest term. */
  leader(): SimulatedReplica | undefined {
    return this.nodes
      .filter((node) => node.role === 'leader')
      .reduce<SimulatedReplica | undefined>(
        (best, node) => (node.core.leadership.term > (best?.core.leadership.term ?? 0) ? node : best),
        undefined,
      );
  }

  runFor(durationMs: number): void {
    const untilMs = this.queue.nowMs + durationMs;
    while (this.queue.runNext(untilMs)) this.events += 1;
  }

  /** Runs until the condition holds; returns whether it did in time. */
  runUntil(condition: () => boolean, timeoutMs: number): boolean {
    const untilMs = this.queue.nowMs + timeoutMs;
    while (!condition()) {
      if (!this.queue.runNext(untilMs)) return condition();
      this.events += 1;
    }
    return true;
  }

  request(node: SimulatedReplica, request: Request): void {
    if (!node.isUp || node.pausedUntilMs > this.nowMs()) return;
    const id = this.#nextRequest++;
    if (request.kind === 'read') this.#reads.set(id, this.checker.committedEnd);
    this.trace(() => `${node.key.id} ${request.kind}`);
    node.step({ ...request, id });
  }

  answered(replica: SimulatedReplica, answer: RaftAnswer): void {
    const needed = this.#reads.get(answer.id);
    this.#reads.delete(answer.id);
    if (answer.error !== undefined) {
      this.mark(`refused ${answer.error.code}`);
      return;
    }
    if (needed === undefined) return;
    this.mark('read answered');
    // B6: nothing that was committed anywhere when the read began is missing.
    require(replica.applied >= needed, 'B6', () =>
      `a read sees ${replica.applied} and ${needed} was committed before it`);
  }

  mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }

  trace(line: () => string): void {
    this.log?.push(`${this.nowMs().toFixed(1)} ${line()}`);
  }

  transmit(from: SimulatedReplica, message: RaftMessage): void {
    const link = from.key.id * 100 + message.to.id;
    this.traceHash = (Math.imul(this.traceHash, 31) + link + message.term * 7 + message.type.length) | 0;
    const copies = this.#network.fraction() < this.doubleShare ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const isLost = this.cut.has(link) || this.#network.fraction() < this.lossShare;
      this.trace(() => `${replicaName(from.key)} ${isLost ? '-x' : '->'} ${describe(message)}`);
      if (isLost) continue;
      const isSlow = this.#network.fraction() < this.slowShare;
      const delayMs = 0.2 + this.#network.fraction() * this.maxDelayMs + (isSlow ? this.#network.fraction() * 250 : 0);
      this.queue.schedule(delayMs, () => {
        this.#deliver(message);
      });
    }
  }

  syncSoon(replica: SimulatedReplica, token: number): void {
    this.#later(replica, this.random.fraction() * this.maxSyncMs, () => {
      replica.synced(token);
    });
  }

  flushSoon(replica: SimulatedReplica): void {
    this.#later(replica, 0, () => {
      replica.step({ kind: 'flush' });
    });
  }

  wake(replica: SimulatedReplica, atMs: number): void {
    this.#later(replica, atMs - this.nowMs(), () => {
      replica.wakeUp();
    });
  }

  crash(node: SimulatedReplica): void {
    if (!node.isUp) return;
    this.trace(() => `${node.key.id} crashes`);
    node.crash();
  }

  restart(node: SimulatedReplica): void {
    if (node.isUp) return;
    this.trace(() => `${node.key.id} restarts`);
    node.start();
  }

  pause(node: SimulatedReplica, share: number): void {
    node.pausedUntilMs = this.nowMs() + share * maxPauseMs;
    this.mark('paused');
  }

  /** The node comes back with an empty disk, as another replica. */
  wipe(node: SimulatedReplica): SimulatedReplica {
    this.crash(node);
    this.wiped.push(node);
    this.#wipes += 1;
    const replacement = new SimulatedReplica(replicaKey(node.key.id, `w${this.#wipes}`), noMembership, this);
    this.nodes[node.key.id] = replacement;
    this.mark('disk emptied');
    this.trace(() => `${node.key.id} comes back empty`);
    replacement.start();
    return replacement;
  }

  /** Cuts links one way. */
  cutLink(from: number, to: number): void {
    this.cut.add(from * 100 + to);
  }

  isolate(id: number): void {
    for (const other of this.bootstrapIds) {
      this.cutLink(id, other);
      this.cutLink(other, id);
    }
  }

  healNetwork(): void {
    this.cut.clear();
  }

  /** No more faults: everybody runs and everything arrives. */
  calm(): void {
    this.healNetwork();
    this.lossShare = this.doubleShare = this.slowShare = 0;
    this.maxDelayMs = 3;
    this.maxSyncMs = 2;
    for (const node of this.nodes) this.restart(node);
    // What a pause holds up wakes at its end, and slow messages are still on their way.
    this.runFor(maxPauseMs);
  }

  #deliver(message: RaftMessage): void {
    const node = this.nodes[message.to.id];
    if (node?.isUp !== true) return;
    if (node.pausedUntilMs > this.nowMs()) {
      this.queue.schedule(node.pausedUntilMs - this.nowMs(), () => {
        this.#deliver(message);
      });
      return;
    }
    if (message.to.directoryId !== '' && !isSameReplica(message.to, node.key)) this.mark('other disk refused');
    node.step({ kind: 'message', message });
  }

  #later(replica: SimulatedReplica, delayMs: number, run: () => void): void {
    const { life } = replica;
    const runOrWait = (): void => {
      if (replica.life !== life) return;
      if (replica.pausedUntilMs > this.nowMs()) this.queue.schedule(replica.pausedUntilMs - this.nowMs(), runOrWait);
      else run();
    };
    this.queue.schedule(delayMs, runOrWait);
  }
}

export function describe(message: RaftMessage): string {
  const head = `${replicaName(message.to)} ${message.type} t${message.term}`;
  switch (message.type) {
    case 'vote':
      return `${head}${message.isPreVote ? ' pre' : ''}${message.isTransfer ? ' transfer' : ''} end=${message.end}/t${message.lastTerm}`;
    case 'voteAnswer':
      return `${head}${message.isPreVote ? ' pre' : ''} ${message.isGranted ? 'yes' : 'no'}`;
    case 'append': {
      const entries = message.entries.map(
        ({ position, term, kind }) => ` ${position}/t${term}${kind === 'records' ? '' : kind}`,
      );
      return `${head} after=${message.previousPosition}/t${message.previousTerm} commit=${message.commit} round=${message.round}${entries.join('')}`;
    }
    case 'appendAnswer':
      return message.isAccepted
        ? `${head} matched=${message.matched} round=${message.round}`
        : `${head} refused=${message.previousPosition} hint=${message.hintPosition}/t${message.hintTerm}`;
    case 'snapshot':
      return `${head} up to ${message.snapshot.position} bytes ${message.offset}+${message.chunk.length}`;
    case 'snapshotAnswer':
      return `${head} up to ${message.position} next=${message.nextOffset}`;
    case 'follow':
      return `${head} end=${message.end}`;
    case 'followAnswer':
      return `${head} leader=${message.leader?.id ?? 'none'}`;
    case 'campaign':
      return head;
  }
}
