/**
 * Wires that can be cut on a machine without network namespaces: a proxy in front of the two listeners of each node.
 *
 *     clients ──▶ proxy ──▶ client listener   of node 2
 *     node 1  ──▶ proxy ──▶ internal listener of node 2
 *                  │
 *                  └─ whose wire this is: the first frame, Hello, names the node that connects
 *
 * Each direction of a connection passes its own gate. While that is shut, bytes and ends are held back, so that both
 * sides wait as on a broken wire, and come through in order afterwards. A connection can be made through a cut, unlike
 * with namespaces: it only stays silent.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { decodeRequest, FrameReader, helloApi, maxFrameBytesBeforeHello } from '@millrace/protocol';
import type { ClusterPlace } from './cluster-place.js';
import { freePorts } from './free-ports.js';
import { host } from './host.js';

const listeners = ['client', 'internal'] as const;
type ListenerName = (typeof listeners)[number];

interface Ports {
  readonly bound: number;
  readonly seen: number;
}

export class LinkProxies {
  readonly kind: string;
  readonly #ports = new Map<string, Ports>();
  readonly #http = new Map<number, number>();
  readonly #cuts = new Set<string>();
  readonly #lanes = new Set<Lane>();
  readonly #servers: Server[] = [];

  private constructor(kind: string) {
    this.kind = kind;
  }

  static async open(nodeIds: readonly number[], kind: string): Promise<LinkProxies> {
    const proxies = new LinkProxies(kind);
    const ports = await freePorts(5 * nodeIds.length);
    const next = (): number => ports.pop() ?? 0;
    for (const nodeId of nodeIds) {
      proxies.#http.set(nodeId, next());
      for (const listener of listeners) {
        const { seen, bound } = { seen: next(), bound: next() };
        proxies.#ports.set(`${listener} ${nodeId}`, { seen, bound });
        await proxies.#listen(nodeId, listener, { seen, bound });
      }
    }
    return proxies;
  }

  place(directory: string): ClusterPlace {
    const at = (listener: ListenerName, nodeId: number, side: keyof Ports): string =>
      `127.0.0.1:${this.#ports.get(`${listener} ${nodeId}`)?.[side] ?? 0}`;
    return {
      client: (nodeId) => at('client', nodeId, 'bound'),
      advertisedClient: (nodeId) => at('client', nodeId, 'seen'),
      internal: (nodeId) => at('internal', nodeId, 'bound'),
      internalSeenFrom: (_, nodeId) => at('internal', nodeId, 'seen'),
      http: (nodeId) => `127.0.0.1:${this.#http.get(nodeId) ?? 0}`,
      dataDir: (nodeId) => join(directory, `node-${nodeId}`),
      prefix: () => [],
    };
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cuts.clear();
    for (const lane of this.#lanes) lane.pass();
  }

  [Symbol.dispose](): void {
    this.heal();
    for (const server of this.#servers) server.close();
    for (const lane of this.#lanes) lane.destroy();
  }

  async #listen(nodeId: number, listener: ListenerName, { seen, bound }: Ports): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ port: bound, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      // Clients are all at the host; a node says in its first frame who it is.
      let caller = listener === 'client' ? host : undefined;
      const isShut = (from: number | undefined, to: number | undefined): boolean =>
        from !== undefined && to !== undefined && this.#cuts.has(`${from} ${to}`);
      const reader = new FrameReader({
        maxFrameBytes: maxFrameBytesBeforeHello,
        onFrame: ({ apiVersion, body, payload }) => {
          caller ??= decodeRequest(helloApi, apiVersion, body, payload.length).node?.nodeId ?? host;
        },
        onError: () => (caller ??= host),
      });
      const out = new Lane(near, far, {
        isShut: () => caller === undefined || isShut(caller, nodeId),
        onBytes: (bytes) => {
          if (caller === undefined) reader.push(bytes);
        },
        onEnd: () => (caller ??= host),
      });
      const back = new Lane(far, near, { isShut: () => isShut(nodeId, caller) });
      for (const lane of [out, back]) {
        this.#lanes.add(lane);
        lane.source.once('close', () => {
          if (out.isOver && back.isOver) for (const one of [out, back]) this.#lanes.delete(one);
        });
      }
    });
    server.listen(seen, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
  }
}

interface LaneOptions {
  readonly isShut: () => boolean;
  readonly onBytes?: (bytes: Buffer) => void;
  readonly onEnd?: () => void;
}

/** One direction of one connection. Holds at most what one read gave while its gate is shut: it reads no further. */
class Lane {
  readonly source: Socket;
  readonly #target: Socket;
  readonly #options: LaneOptions;
  readonly #held: Buffer[] = [];
  #end: 'none' | 'half' | 'whole' = 'none';

  constructor(source: Socket, target: Socket, options: LaneOptions) {
    this.source = source;
    this.#target = target;
    this.#options = options;
    source.on('data', (bytes) => {
      options.onBytes?.(bytes);
      this.#held.push(bytes);
      this.pass();
    });
    source.on('end', () => this.#over('half'));
    // A reset is told by the close that follows it.
    source.on('error', () => source.destroy());
    source.on('close', () => this.#over('whole'));
    target.on('drain', () => this.pass());
  }

  get isOver(): boolean {
    return this.#end === 'whole' && this.#held.length === 0;
  }

  /** Lets through what may come through now. */
  pass(): void {
    const { source } = this;
    const target = this.#target;
    if (this.#options.isShut()) {
      // Until the caller is known, more of its first frame must be read.
      if (this.#held.length > 0 && this.#options.onBytes === undefined) source.pause();
      else if (this.#heldBytes() > maxFrameBytesBeforeHello) source.pause();
      return;
    }
    let hasRoom = !target.writableNeedDrain;
    for (const bytes of this.#held.splice(0)) if (!target.destroyed) hasRoom = target.write(bytes);
    if (hasRoom) source.resume();
    else source.pause();
    if (this.#end === 'half' && !target.writableEnded) target.end();
    if (this.#end === 'whole') target.destroySoon();
  }

  destroy(): void {
    this.source.destroy();
    this.#target.destroy();
  }

  #over(how: 'half' | 'whole'): void {
    this.#options.onEnd?.();
    this.#end = how;
    this.pass();
  }

  #heldBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0);
  }
}
