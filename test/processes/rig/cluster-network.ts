/** The wires between nodes, and between them and the clients, for tests that cut them. */
import type { ClusterPlace } from './cluster-place.js';
import { LinkProxies } from './link-proxies.js';
import { NetworkNamespaces } from './network-namespaces.js';

export interface ClusterNetwork extends Disposable {
  /** How it is made, for the story. */
  readonly kind: string;
  place(directory: string): ClusterPlace;
  /** Nothing that `from` sends reaches `to`, without a word to either; what is under way arrives after `heal`. */
  cut(from: number, to: number): void;
  /** All wires are whole again. */
  heal(): void;
}

/** Namespaces of the kernel where the machine allows them; else, or when `wanted` is `proxies`, a proxy per listener. */
export async function openNetwork(nodeIds: readonly number[], wanted: string | undefined): Promise<ClusterNetwork> {
  if (wanted === 'proxies') return LinkProxies.open(nodeIds, 'proxies');
  const namespaces = NetworkNamespaces.open(nodeIds);
  if (namespaces instanceof NetworkNamespaces) return namespaces;
  if (wanted === 'namespaces') throw new Error(`no network namespaces: ${namespaces.reason}`);
  return LinkProxies.open(nodeIds, `proxies, because there are no namespaces (${namespaces.reason})`);
}

export function cutBothWays(network: ClusterNetwork, one: number, other: number): void {
  network.cut(one, other);
  network.cut(other, one);
}
