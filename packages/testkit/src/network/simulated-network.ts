/**
 * The network between the nodes of a simulation.
 *
 * A host name is a node's name; `localhost`, `127.0.0.1` and `::1` are the node itself. A connection is a pair of
 * sockets with a flow in each direction. Faults are set here: cut and healed links (per direction), slow links,
 * resets, refused connections.
 */
import type { RandomStream } from '@millrace/base';
import type { Incarnation } from '../simulation/incarnation.js';
import type { Scheduler } from '../simulation/scheduler.js';
import type { Trace } from '../simulation/trace.js';
import { Flow } from './flow.js';
import { Links, type LinkOptions } from './links.js';
import { SimulatedSocket } from './simulated-socket.js';

export interface SimulatedNetworkOptions {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly random: (name: string) => RandomStream;
  readonly link: LinkOptions;
  readonly highWaterMarkBytes: number;
  readonly isKnown: (node: string) => boolean;
}

/** A socket that waits for connections. */
export interface Acceptor {
  readonly incarnation: Incarnation;
  readonly port: number;
  /** Whether other nodes can reach it. */
  readonly isPublic: boolean;
  readonly accept: (socket: SimulatedSocket) => void;
}

export class SimulatedNetwork {
  readonly links: Links;
  readonly options: SimulatedNetworkOptions;
  readonly #acceptors = new Map<string, Acceptor>();
  readonly #sockets = new Set<SimulatedSocket>();
  readonly #refusing = new Set<string>();
  /** Nodes whose machine has no power: they do not even refuse. */
  readonly #dark = new Set<string>();
  #connections = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.options = options;
    this.links = new Links(options.link, (name) => options.random(`link ${name}`));
  }

  /** Bytes from `from` to `to` stop arriving; the other direction goes on. */
  cut(from: string, to: string): void {
    this.links.get(from, to).isCut = true;
  }

  /** Cuts both directions between every node of one group and every node of the others. */
  partition(...groups: readonly (readonly string[])[]): void {
    for (const [index, group] of groups.entries()) {
      const others = groups.flatMap((other, otherIndex) => (otherIndex === index ? [] : other));
      for (const from of group) for (const to of others) this.cut(from, to);
    }
  }

  /** Mends one direction, or everything when no link is named. Bytes that waited arrive. */
  heal(from?: string, to?: string): void {
    if (from !== undefined && to !== undefined) this.links.get(from, to).isCut = false;
    else this.links.healAll();
    for (const socket of [...this.#sockets]) socket.out.healed();
  }

  /** Sets delay and capacity of one direction. */
  configureLink(from: string, to: string, link: LinkOptions): void {
    this.links.configure(from, to, link);
  }

  /** Resets every connection between two nodes: bytes on their way are lost, both ends see `ECONNRESET`. */
  reset(a: string, b: string): void {
    for (const socket of [...this.#sockets]) {
      const isBetween = (socket.node === a && socket.peer.node === b) || (socket.node === b && socket.peer.node === a);
      if (isBetween) socket.reset();
    }
  }

  /** Whether new connections to this node are refused, though it listens. */
  refuseConnections(node: string, isRefusing: boolean): void {
    if (isRefusing) this.#refusing.add(node);
    else this.#refusing.delete(node);
  }

  /** Whether nothing that these nodes sent can still arrive: nobody is left at the other ends of their connections. */
  isSilent(nodes: ReadonlySet<string>): boolean {
    for (const socket of this.#sockets) {
      if (nodes.has(socket.node) && !socket.peer.isGone && !socket.isForgotten) return false;
    }
    return true;
  }

  /** The acceptor a connection to this port gets, or why it gets none. */
  acceptorFor(node: string, port: number, from: string): Acceptor | 'refused' | 'silent' {
    if (this.#dark.has(node)) return 'silent';
    const acceptor = this.#acceptors.get(`${node}:${port}`);
    if (acceptor === undefined || this.#refusing.has(node) || !(acceptor.isPublic || from === node)) return 'refused';
    return acceptor;
  }

  hasAcceptor(node: string, port: number): boolean {
    return this.#acceptors.has(`${node}:${port}`);
  }

  addAcceptor(acceptor: Acceptor): void {
    this.#acceptors.set(`${acceptor.incarnation.node}:${acceptor.port}`, acceptor);
  }

  removeAcceptor(acceptor: Acceptor): void {
    const key = `${acceptor.incarnation.node}:${acceptor.port}`;
    if (this.#acceptors.get(key) === acceptor) this.#acceptors.delete(key);
  }

  /** Both ends of a new connection. The client's gets nothing before `clientReadyUs`. */
  makeConnection(client: Incarnation, acceptor: Acceptor, clientReadyUs: number): [SimulatedSocket, SimulatedSocket] {
    this.#connections += 1;
    const clientPort = 50_000 + (this.#connections % 10_000);
    const near = this.#makeSocket(client, { host: acceptor.incarnation.node, port: acceptor.port });
    const far = this.#makeSocket(acceptor.incarnation, { host: client.node, port: clientPort });
    const { scheduler } = this.options;
    const random = this.options.random(`connection ${this.#connections}`);
    const there = new Flow({ scheduler, links: this.links, random, sender: near, receiver: far });
    const back = new Flow({ scheduler, links: this.links, random, sender: far, receiver: near });
    back.startAt(clientReadyUs);
    near.join(far, { out: there, in: back });
    far.join(near, { out: back, in: there });
    this.#sockets.add(near).add(far);
    return [near, far];
  }

  /** A process ends. With power, its machine closes its sockets; without, they just fall silent. */
  nodeEnded(incarnation: Incarnation, hasPower: boolean): void {
    for (const acceptor of [...this.#acceptors.values()]) {
      if (acceptor.incarnation === incarnation) this.removeAcceptor(acceptor);
    }
    if (!hasPower) {
      this.#dark.add(incarnation.node);
      return;
    }
    for (const socket of [...this.#sockets]) if (socket.incarnation === incarnation) socket.destroy();
  }

  /** The machine has power again: it answers bytes for connections of its past with resets. */
  nodeStarted(node: string): void {
    this.#dark.delete(node);
    for (const socket of [...this.#sockets]) {
      if (socket.node !== node || socket.incarnation.state !== 'ended') continue;
      this.#sockets.delete(socket);
      socket.peer.out.sendAgain();
    }
  }

  #makeSocket(incarnation: Incarnation, remote: { readonly host: string; readonly port: number }): SimulatedSocket {
    const { scheduler, trace, highWaterMarkBytes } = this.options;
    return new SimulatedSocket({
      scheduler,
      links: this.links,
      trace,
      incarnation,
      remote,
      highWaterMarkBytes,
      isMachineUp: (node) => !this.#dark.has(node),
      onClosed: (socket) => {
        // One end alone still has bytes on their way to the other.
        if (!socket.peer.isGone) return;
        this.#sockets.delete(socket);
        this.#sockets.delete(socket.peer);
      },
    });
  }
}
