/** Messages of the controller quorum over the network: one RaftMessage request each, one way. */
import { decodeRaftMessage, encodeRaftMessage, type QuorumOptions } from '@millrace/controller';
import { protocolError, raftMessageApi, type RaftMessageRequest } from '@millrace/protocol';
import type { NodeCalls } from './node-calls.js';

type RaftTransport = QuorumOptions['transport'];
type RaftMessage = Parameters<RaftTransport['send']>[1];

export class NetworkRaftTransport implements RaftTransport {
  readonly #nodes: Pick<NodeCalls, 'send'>;
  onMessage: ((message: RaftMessage) => void) | undefined;

  constructor(nodes: Pick<NodeCalls, 'send'>) {
    this.#nodes = nodes;
  }

  send(to: number, message: RaftMessage): void {
    const { body, payload } = encodeRaftMessage(message);
    this.#nodes.send(to, raftMessageApi, body, payload);
  }

  /** A message has come from node `sender`. Throws when it says that it is of another. */
  receive(sender: number, request: RaftMessageRequest, payload: Uint8Array): void {
    const { from } = request.message;
    if (from.id !== sender) {
      throw protocolError(
        'CLUSTER_AUTHORIZATION_FAILED',
        `Node ${sender} sent a message of the controller quorum in the name of node ${from.id}.`,
      );
    }
    this.onMessage?.(decodeRaftMessage(request, payload));
  }
}
