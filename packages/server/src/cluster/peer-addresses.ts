/**
 * Where the other nodes are reached.
 *
 *     voters            as configured
 *     other nodes       as they said when they connected: they cannot register before they have read the metadata
 *                       that is sent to them; else as they are registered
 */
import type { Address } from '@millrace/base';
import type { VoterAddress } from '@millrace/controller';
import type { MetadataImage } from '@millrace/controller/image';
import type { NodeCredentials } from '@millrace/protocol';

export interface PeerAddressesOptions {
  readonly voters: readonly VoterAddress[];
  readonly image: () => MetadataImage | undefined;
}

/** As many as may register; the one that was heard of longest ago is forgotten first. */
const maxPeers = 1000;

export class PeerAddresses {
  readonly #options: PeerAddressesOptions;
  readonly #said = new Map<number, Address>();

  constructor(options: PeerAddressesOptions) {
    this.#options = options;
  }

  isVoter(nodeId: number): boolean {
    return this.#options.voters.some(({ id }) => id === nodeId);
  }

  note({ nodeId, internal }: NodeCredentials): void {
    if (internal === undefined) return;
    this.#said.delete(nodeId);
    this.#said.set(nodeId, internal);
    if (this.#said.size <= maxPeers) return;
    for (const [oldest] of this.#said) {
      this.#said.delete(oldest);
      return;
    }
  }

  addressOf(nodeId: number): Address | undefined {
    const voter = this.#options.voters.find(({ id }) => id === nodeId);
    if (voter !== undefined) return { host: voter.host, port: voter.port };
    const said = this.#said.get(nodeId);
    if (said !== undefined) return said;
    const registered = this.#options.image()?.brokers.get(nodeId);
    if (registered === undefined || registered.internalHost === null) return undefined;
    return { host: registered.internalHost, port: registered.internalPort };
  }
}
