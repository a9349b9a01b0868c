/**
 * Forgets a broker for good. Only one that is gone and holds nothing: its replicas are moved away first, or they would
 * name a node that nobody can ask any more.
 */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';

export interface UnregisterBrokerCommand {
  readonly kind: 'unregister-broker';
  readonly nodeId: number;
}

export function unregisterBroker(
  image: MetadataImage,
  { nodeId }: UnregisterBrokerCommand,
): Decision<MetadataRecord, undefined> {
  const broker = image.brokers.get(nodeId);
  if (broker === undefined) {
    throw protocolError('BROKER_ID_NOT_REGISTERED', `Node ${nodeId} is not a broker of this cluster.`);
  }
  if (broker.state !== 'fenced') {
    throw protocolError('POLICY_VIOLATION', `Node ${nodeId} is ${broker.state}. Stop it before it is unregistered.`);
  }
  let held = 0;
  for (const topic of image.topics()) {
    for (const { replicas } of topic.partitions) if (replicas.includes(nodeId)) held += 1;
  }
  if (held > 0) {
    throw protocolError(
      'POLICY_VIOLATION',
      `Node ${nodeId} is a replica of ${held} partitions. Move them to other nodes before it is unregistered.`,
    );
  }
  const { brokerEpoch } = broker;
  return { entries: [{ type: 'remove-broker', version: 0, nodeId, brokerEpoch }], reply: undefined };
}
