/**
 * The links of one client: one per node that it has talked to, and one per bootstrap address for finding the cluster.
 *
 * A bootstrap connection tells which node it reached, and then serves that node's requests too, so that a client of
 * one node keeps one connection. All links share one pool of frame memory and one queue of deadlines.
 */
import { formatAddress, type Address, type RandomStream } from '@millrace/base';
import { protocolError, SlabPool } from '@millrace/protocol';
import type { ResolvedClientOptions } from './client-options.js';
import { Connection } from './connection.js';
import type { DeadlineQueue } from './deadline-queue.js';
import { NodeLink } from './node-link.js';
import { staggered } from './staggered.js';
import type { Limit } from './with-deadline.js';

/** Requests that may wait for their turn on one connection. */
const maxWaiting = 10_000;

/** A node that takes longer to accept a connection, or to tell what it knows, is joined by the next: both take milliseconds. */
const staggerMs = 500;

interface Answerer {
  readonly link: NodeLink;
  readonly nodeId: number;
}

/** One node may be reached by two links. */
export interface NodeAddress extends Address {
  readonly nodeId: number;
}

export class NodeLinks {
  readonly #options: ResolvedClientOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #random: RandomStream;
  readonly #slabs = new SlabPool();
  readonly #bootstrap: readonly NodeLink[];
  readonly #nodes = new Map<number, NodeLink>();
  /** From the first Hello on; every later one must say the same. */
  #clusterId: string | undefined;
  /** Who answered `ask` last, and whether that is not to be asked first the next time. */
  #lastAnswer: Answerer | undefined;
  #doubted: Answerer | undefined;

  constructor(options: ResolvedClientOptions, deadlines: DeadlineQueue) {
    this.#options = options;
    this.#deadlines = deadlines;
    this.#random = options.environment.random.stream('client.connections');
    this.#bootstrap = options.bootstrap.map((address) => this.#createLink(address, undefined));
  }

  get clusterId(): string | undefined {
    return this.#clusterId;
  }

  /** The live nodes by the newest metadata: links to others are closed. */
  setNodes(nodes: readonly NodeAddress[]): void {
    const alive = new Set<number>();
    for (const node of nodes) {
      alive.add(node.nodeId);
      const link = this.#nodes.get(node.nodeId);
      if (link === undefined) this.#nodes.set(node.nodeId, this.#createLink(node, node.nodeId));
      else link.setAddress(node);
    }
    for (const [nodeId, link] of this.#nodes) {
      if (alive.has(nodeId)) continue;
      this.#nodes.delete(nodeId);
      link.close(protocolError('NETWORK_EXCEPTION', `Node ${nodeId} has left the cluster.`));
    }
  }

  has(nodeId: number): boolean {
    return this.#nodes.has(nodeId);
  }

  /** Runs `action` with a connection to this node. Rejects with BROKER_NOT_AVAILABLE when the metadata has no such node. */
  useNode<Result>(nodeId: number, limit: Limit, action: (connection: Connection) => Result): Promise<Awaited<Result>> {
    const link = this.#nodes.get(nodeId);
    if (link?.connection === undefined) {
      const shared = this.#bootstrap.find(({ connection }) => connection?.hello.nodeId === nodeId);
      if (shared !== undefined) return shared.use(limit, action);
    }
    if (link === undefined) {
      return Promise.reject(protocolError('BROKER_NOT_AVAILABLE', `The metadata has no live node ${nodeId}.`));
    }
    return link.use(limit, action);
  }

  /** A connection to any node: the least busy one that is open, else the first that can be opened. */
  async any(limit: Limit): Promise<Connection> {
    const open = [...this.#nodes.values(), ...this.#bootstrap].flatMap((link) => link.connection ?? []);
    const [first, ...others] = open;
    if (first !== undefined) return others.reduce((best, next) => (next.load < best.load ? next : best), first);
    return this.#openAny(limit);
  }

  /**
   * Asks node after node until one gives an answer: one that is slow gets company. After `doubtLastAnswer` another node
   * than last time is asked first.
   */
  ask<Result>(limit: Limit, action: (connection: Connection) => Promise<Result>): Promise<Result> {
    const open = [...this.#nodes.values(), ...this.#bootstrap].filter(({ connection }) => connection !== undefined);
    open.sort((a, b) => (a.connection?.load ?? 0) - (b.connection?.load ?? 0));
    const links = [...open, ...this.#closedLinks()];
    const doubted = this.#doubted;
    this.#doubted = undefined;
    if (doubted !== undefined) {
      links.sort((a, b) => Number(this.#leadsTo(a, doubted)) - Number(this.#leadsTo(b, doubted)));
    }
    return this.#staggered(limit, links, (link) =>
      link.use(limit, async (connection) => {
        const result = await action(connection);
        this.#lastAnswer = { link, nodeId: connection.hello.nodeId };
        return result;
      }),
    );
  }

  /** What was answered last turned out to be wrong: the node may be cut off from the others. */
  doubtLastAnswer(): void {
    this.#doubted = this.#lastAnswer;
  }

  /** Also by the node's own link that is still closed, after a bootstrap link gave the answer. */
  #leadsTo(link: NodeLink, { link: other, nodeId }: Answerer): boolean {
    return link === other || link === this.#nodes.get(nodeId) || link.connection?.hello.nodeId === nodeId;
  }

  close(error: Error): void {
    for (const link of [...this.#nodes.values(), ...this.#bootstrap]) link.close(error);
  }

  #openAny(limit: Limit): Promise<Connection> {
    const links = this.#closedLinks();
    return this.#staggered(limit, links, (link) => link.use(limit, (connection) => connection));
  }

  /** Known nodes first: the bootstrap addresses may be old. Among them those that failed least, from a random start. */
  #closedLinks(): readonly NodeLink[] {
    const links = [...this.#rotated([...this.#nodes.values()]), ...this.#rotated(this.#bootstrap)];
    return links.filter(({ connection }) => connection === undefined).sort((a, b) => a.failures - b.failures);
  }

  #staggered<Result>(
    limit: Limit,
    links: readonly NodeLink[],
    attempt: (link: NodeLink) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.#options.environment;
    return staggered(
      links.map((link) => () => attempt(link)),
      { clock, staggerMs, mayGoOn: () => limit.signal?.aborted !== true && clock.monotonicMs() < limit.deadlineMs },
    );
  }

  #rotated(links: readonly NodeLink[]): readonly NodeLink[] {
    if (links.length < 2) return links;
    const start = this.#random.integer(0, links.length);
    return [...links.slice(start), ...links.slice(0, start)];
  }

  #createLink(address: Address, nodeId: number | undefined): NodeLink {
    const { environment, reconnectBackoffMs, reconnectBackoffMaxMs } = this.#options;
    return new NodeLink({
      address,
      clock: environment.clock,
      random: this.#random,
      backoff: { initialMs: reconnectBackoffMs, maxMs: reconnectBackoffMaxMs, jitter: 0.2 },
      open: (current, onClose, signal) => this.#open({ address: current, nodeId, onClose, signal }),
    });
  }

  async #open(wanted: {
    readonly address: Address;
    readonly nodeId: number | undefined;
    readonly onClose: () => void;
    readonly signal: AbortSignal;
  }): Promise<Connection> {
    this.#makeRoom();
    const { environment, clientId, connectTimeoutMs, requestTimeoutMs, maxFrameBytes } = this.#options;
    const connection = await Connection.open(
      {
        environment,
        address: wanted.address,
        clientId,
        clusterId: this.#clusterId,
        connectTimeoutMs,
        requestTimeoutMs,
        maxFrameBytes,
        maxInFlight: this.#options.maxInFlightPerConnection,
        maxWaiting,
        deadlines: this.#deadlines,
        slabs: this.#slabs,
        onClose: wanted.onClose,
      },
      wanted.signal,
    );
    try {
      this.#checkIdentity(connection, wanted.nodeId);
    } catch (error) {
      connection.close(error as Error);
      throw error;
    }
    return connection;
  }

  #checkIdentity({ hello, address }: Connection, nodeId: number | undefined): void {
    const name = formatAddress(address);
    if (nodeId !== undefined && hello.nodeId !== nodeId) {
      throw protocolError(
        'BROKER_NOT_AVAILABLE',
        `${name} answers as node ${hello.nodeId}, expected ${nodeId}: the metadata is out of date.`,
      );
    }
    if (hello.clusterId === null) {
      throw protocolError('BROKER_NOT_AVAILABLE', `${name} has not joined a cluster yet.`);
    }
    // Two first connections may have been opened side by side, neither knowing the other's cluster.
    this.#clusterId ??= hello.clusterId;
    if (this.#clusterId !== hello.clusterId) {
      throw protocolError(
        'INCONSISTENT_CLUSTER_ID',
        `${name} belongs to cluster ${hello.clusterId}, other addresses to ${this.#clusterId}: check bootstrap.`,
      );
    }
  }

  /** Closes a connection that nobody uses when there are as many as allowed. */
  #makeRoom(): void {
    const open = [...this.#nodes.values(), ...this.#bootstrap].flatMap((link) => link.connection ?? []);
    if (open.length < this.#options.maxConnections) return;
    const idle = open.find((connection) => connection.load === 0);
    if (idle === undefined) {
      throw protocolError(
        'TOO_MANY_CONNECTIONS',
        `All ${this.#options.maxConnections} connections of this client are busy: raise maxConnections.`,
      );
    }
    idle.close();
  }
}
