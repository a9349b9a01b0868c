/** Gives a broker a block of producer ids that no other will ever get; what it does not use of them is lost. */
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { currentBroker } from './broker-heartbeat.js';

const blockSize = 1000;

export interface AllocateProducerIdsRequest {
  readonly nodeId: number;
  readonly brokerEpoch: number;
}

export interface AllocateProducerIdsCommand {
  readonly kind: 'allocate-producer-ids';
  readonly request: AllocateProducerIdsRequest;
}

/** The ids from `first` to `first + count - 1`. */
export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

export function allocateProducerIds(
  image: MetadataImage,
  { request }: AllocateProducerIdsCommand,
): Decision<MetadataRecord, ProducerIdBlock> {
  currentBroker(image, request.nodeId, request.brokerEpoch);
  const first = image.nextProducerId;
  return {
    entries: [{ type: 'producer-ids', version: 0, nextProducerId: first + blockSize }],
    reply: { first, count: blockSize },
  };
}
