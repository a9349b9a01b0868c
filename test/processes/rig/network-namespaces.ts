/**
 * A network of its own for each node: a namespace with one interface, all plugged into one bridge of the host.
 *
 *     node 1  10.x.y.1 --+
 *     node 2  10.x.y.2 --+-- bridge 10.x.y.254, where the test and its clients are
 *     node 3  10.x.y.3 --+
 *
 * A cut is one-way: packets from one to another go to an Ethernet address that nobody has, so that they vanish without
 * a word, as on a broken wire; established connections hang and heal by retransmission. The other way is not touched.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { host } from './host.js';
import type { ClusterPlace } from './cluster-place.js';

const nobody = '02:00:00:00:de:ad';
const ports = { client: 7400, internal: 7401, http: 7480 } as const;

export class NetworkNamespaces implements Disposable {
  readonly kind = 'namespaces';
  readonly #name: string;
  readonly #net: string;
  readonly #nodeIds: readonly number[];

  private constructor(name: string, net: string, nodeIds: readonly number[]) {
    this.#name = name;
    this.#net = net;
    this.#nodeIds = nodeIds;
  }

  /** The network, or why this machine cannot have one. */
  static open(nodeIds: readonly number[]): NetworkNamespaces | { readonly reason: string } {
    const number = process.pid % 60_000;
    const net = `10.${100 + Math.floor(number / 250)}.${number % 250}`;
    const network = new NetworkNamespaces(`mr${process.pid}`, net, nodeIds);
    const failure = network.#build();
    if (failure === undefined) return network;
    network[Symbol.dispose]();
    return { reason: failure };
  }

  place(directory: string): ClusterPlace {
    const address = (nodeId: number, port: number): string => `${this.#net}.${nodeId}:${port}`;
    return {
      client: (nodeId) => address(nodeId, ports.client),
      internal: (nodeId) => address(nodeId, ports.internal),
      http: (nodeId) => address(nodeId, ports.http),
      internalSeenFrom: (_, nodeId) => address(nodeId, ports.internal),
      dataDir: (nodeId) => join(directory, `node-${nodeId}`),
      prefix: (nodeId) => ['ip', 'netns', 'exec', this.#namespace(nodeId)],
    };
  }

  /** Nothing that `from` sends reaches `to`. */
  cut(from: number, to: number): void {
    must(this.#neighbour('replace', from, to));
  }

  /** All wires are whole again. */
  heal(): void {
    const all = [host, ...this.#nodeIds];
    for (const from of all) for (const to of all) if (from !== to) this.#neighbour('delete', from, to);
  }

  [Symbol.dispose](): void {
    for (const nodeId of this.#nodeIds) ip(['netns', 'delete', this.#namespace(nodeId)]);
    ip(['link', 'delete', this.#name]);
  }

  #neighbour(action: 'replace' | 'delete', from: number, to: number): string | undefined {
    const device = from === host ? this.#name : 'eth0';
    const place = from === host ? [] : ['-n', this.#namespace(from)];
    const address = `${this.#net}.${to === host ? 254 : to}`;
    const dead = action === 'replace' ? ['lladdr', nobody, 'nud', 'permanent'] : [];
    return ip([...place, 'neighbour', action, address, ...dead, 'dev', device]);
  }

  #build(): string | undefined {
    const bridge = this.#name;
    const steps = [
      ['link', 'add', bridge, 'type', 'bridge'],
      ['address', 'add', `${this.#net}.254/24`, 'dev', bridge],
      ['link', 'set', bridge, 'up'],
    ];
    for (const nodeId of this.#nodeIds) {
      const namespace = this.#namespace(nodeId);
      const plug = `${this.#name}v${nodeId}`;
      steps.push(
        ['netns', 'add', namespace],
        ['link', 'add', plug, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace],
        ['link', 'set', plug, 'master', bridge],
        ['link', 'set', plug, 'up'],
        ['-n', namespace, 'address', 'add', `${this.#net}.${nodeId}/24`, 'dev', 'eth0'],
        ['-n', namespace, 'link', 'set', 'eth0', 'up'],
        ['-n', namespace, 'link', 'set', 'lo', 'up'],
      );
    }
    for (const step of steps) {
      const failure = ip(step);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #namespace(nodeId: number): string {
    return `${this.#name}n${nodeId}`;
  }
}

/** Undefined, or why it failed. */
function ip(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`;
}

function must(failure: string | undefined): void {
  if (failure !== undefined) throw new Error(failure);
}
