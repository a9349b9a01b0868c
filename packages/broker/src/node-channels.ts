/** Channels to the other nodes of the cluster, each opened when it is first used. */
import type { Address } from '@millrace/base';
import { NodeChannel, type NodeChannelOptions } from '@millrace/client';
import { type Api, protocolError, SlabPool } from '@millrace/protocol';

export interface NodeChannelsOptions extends Pick<NodeChannelOptions, 'environment' | 'credentials' | 'maxFrameBytes'> {
  /** Where the node is, as far as is known. */
  readonly addressOf: (nodeId: number) => Address | undefined;
  readonly onReach?: (nodeId: number, ...reach: Parameters<NonNullable<NodeChannelOptions['onReach']>>) => void;
}

/** What nodes tell each other here is short. */
const maxFreeSlabBytes = 2 * 1024 * 1024;

export class NodeChannels {
  readonly #options: NodeChannelsOptions;
  readonly #slabs = new SlabPool({ maxFreeBytes: maxFreeSlabBytes });
  /** By node id: as many as there are nodes. */
  readonly #channels = new Map<number, NodeChannel>();
  #isClosed = false;

  constructor(options: NodeChannelsOptions) {
    this.#options = options;
  }

  /** Rejects with BROKER_NOT_AVAILABLE while nobody knows where the node is, else as `NodeChannel.call`. */
  async call<Request, Response>(
    nodeId: number,
    api: Api<Request, Response>,
    body: Request,
    options: { readonly timeoutMs: number },
  ): Promise<Response> {
    const channel = this.#channelTo(nodeId);
    if (channel === undefined) {
      throw protocolError('BROKER_NOT_AVAILABLE', `Nobody here knows the internal listener of node ${nodeId}.`);
    }
    return (await channel.call(api, body, [], options)).body;
  }

  /** Sends a message that has no reply, or drops it: never waits, never throws. `payload` must never change. */
  send<Request>(nodeId: number, api: Api<Request, unknown>, body: Request, payload: readonly Uint8Array[]): void {
    this.#channelTo(nodeId)?.send(api, body, payload);
  }

  /** Connects to the node if there is no connection. */
  wake(nodeId: number): void {
    this.#channelTo(nodeId)?.wake();
  }

  /** The node has connected to this one: an attempt to reach it waits no longer. */
  hurry(nodeId: number): void {
    this.#channels.get(nodeId)?.hurry();
  }

  /** Rejects what is waiting or unanswered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
    this.#channels.clear();
  }

  #channelTo(nodeId: number): NodeChannel | undefined {
    const { addressOf, onReach, ...options } = this.#options;
    const address = this.#isClosed ? undefined : addressOf(nodeId);
    if (address === undefined) return undefined;
    let channel = this.#channels.get(nodeId);
    if (channel === undefined) {
      channel = new NodeChannel({
        ...options,
        address,
        nodeId,
        slabs: this.#slabs,
        onReach: (...reach) => onReach?.(nodeId, ...reach),
      });
      this.#channels.set(nodeId, channel);
    } else channel.setAddress(address);
    return channel;
  }
}
