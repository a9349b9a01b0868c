/**
 * Whether a process that says it is a node of the cluster may be let in.
 *
 *     its id is this node's                                   another process has it: refused
 *     another process of its id, with another directory,      two machines have one id; neither can be told from the
 *       was heard from within a session                         other by those that call a node by its id: refused
 *     it, or this node, has no cluster yet, and its voters    each could form a cluster, or join one, that the other
 *       are others                                              does not mean: refused
 *
 * An earlier process on the same directory has ended, for the directory is locked. One that was silent for a session may
 * have lost its machine. In a cluster that exists the voters are what its log says, so lists may differ while they are
 * changed node by node.
 */
import type { MillraceError } from '@millrace/base';
import { type NodeCredentials, protocolError } from '@millrace/protocol';

export interface ConnectedPeer {
  readonly node: NodeCredentials | null;
  /** How long nothing has come from it. */
  readonly quietMs: number;
}

export interface PeerAdmission {
  readonly nodeId: number;
  /** Null until this node knows its cluster. */
  readonly clusterId: string | null;
  /** Undefined: this node is alone, and joins nobody. */
  readonly voterIds: readonly number[] | undefined;
  readonly connected: Iterable<ConnectedPeer>;
  readonly sessionTimeoutMs: number;
}

/** Why not; undefined when it may. */
export function peerRefusal(peer: NodeCredentials, admission: PeerAdmission): MillraceError | undefined {
  const { nodeId, clusterId, voterIds, connected, sessionTimeoutMs } = admission;
  if (voterIds === undefined) {
    if (peer.voterIds === undefined) return undefined;
    return protocolError(
      'INCONSISTENT_VOTER_SET',
      `Node ${nodeId} is a cluster of its own: to be joined, it has to be a controller without the role broker, or one of ` +
        'several voters.',
    );
  }
  if (peer.nodeId === nodeId) return duplicate(nodeId, `Node ${nodeId} is the one that was asked`);
  for (const { node, quietMs } of connected) {
    if (node?.nodeId !== peer.nodeId || node.directoryId === peer.directoryId || quietMs >= sessionTimeoutMs) continue;
    const facts = `from data directory ${node.directoryId}, and another came from ${peer.directoryId}`;
    return duplicate(peer.nodeId, `A process that is node ${peer.nodeId} is connected to node ${nodeId} ${facts}`);
  }
  const isAgreed = peer.voterIds === undefined || isSameSet(peer.voterIds, voterIds);
  if (isAgreed || (clusterId !== null && peer.clusterId !== null)) return undefined;
  return protocolError(
    'INCONSISTENT_VOTER_SET',
    `Node ${nodeId} has the voters ${listed(voterIds)} and node ${peer.nodeId} has ${listed(peer.voterIds ?? [])}: ` +
      'give controller.quorum.voters the same nodes everywhere.',
  );
}

function duplicate(nodeId: number, what: string): MillraceError {
  return protocolError(
    'DUPLICATE_BROKER_REGISTRATION',
    `${what}. Give one of the two another node.id; if node ${nodeId} lost its disk, stop its old process first.`,
  );
}

function isSameSet(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id));
}

function listed(ids: readonly number[]): string {
  return ids.length === 0 ? 'none' : [...ids].sort((a, b) => a - b).join(', ');
}
