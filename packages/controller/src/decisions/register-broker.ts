/**
 * A broker process makes itself known and gets its epoch. It is fenced until it has read the metadata up to here.
 *
 * The epoch is the offset of the registration in the metadata log: it grows for ever, and "has read up to its epoch"
 * is the same as "has seen its own registration".
 */
import { MillraceError } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { BrokerImage, MetadataImage, NodeRole } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { removeFromPartitions } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import type { Departure } from './partition-transition.js';

/** Far more than one controller can hear; a bound for what peers can make it remember. */
const maxBrokers = 1000;

export interface RegisterBrokerRequest {
  readonly nodeId: number;
  /** Drawn by the process when it starts. */
  readonly incarnationId: string;
  readonly directoryId: string;
  /** The epoch that the node's mark of a clean stop holds; -1 when there is no such mark. */
  readonly cleanStopEpoch: number;
  readonly roles: readonly NodeRole[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  /** Of its client listener. */
  readonly host: string;
  readonly port: number;
  /** Of its internal listener; left out where it has none. */
  readonly internalHost?: string;
  readonly internalPort?: number;
}

export interface RegisterBrokerCommand {
  readonly kind: 'register-broker';
  readonly request: RegisterBrokerRequest;
  /** Whether another process was heard under this node id within the session timeout. */
  readonly isHeard: boolean;
}

export interface RegisterBrokerReply {
  readonly brokerEpoch: number;
}

export function registerBroker(
  image: MetadataImage,
  { request, isHeard }: RegisterBrokerCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, RegisterBrokerReply> {
  const before = image.brokers.get(request.nodeId);
  if (before?.incarnationId === request.incarnationId) {
    // The reply was lost, and the broker asks again.
    return { entries: [], reply: { brokerEpoch: before.brokerEpoch } };
  }
  if (before !== undefined && isHeard && before.state !== 'fenced') {
    throw new MillraceError(
      'DUPLICATE_BROKER_REGISTRATION',
      `Node ${request.nodeId} is registered by another process at ${before.host}:${before.port} that is alive. ` +
        'Give one of the two another node id, or wait for the session of the other to end.',
      { retriable: true },
    );
  }
  if (before === undefined && image.brokers.size >= maxBrokers) {
    throw protocolError(
      'POLICY_VIOLATION',
      `The cluster has ${image.brokers.size} brokers, the most that it can have. Unregister those that are gone.`,
    );
  }
  const draft = new DecisionDraft(image);
  const brokerEpoch = image.position;
  const { nodeId, incarnationId, directoryId, roles, rack, hostLabel, host, port } = request;
  const { internalHost = null, internalPort = 0 } = request;
  const name = { nodeId, brokerEpoch, incarnationId, directoryId };
  draft.add({
    type: 'broker',
    version: 0,
    ...name,
    roles: [...roles],
    rack,
    hostLabel,
    host,
    port,
    internalHost,
    internalPort,
  });
  if (before !== undefined) removeFromPartitions({ draft, policy, nodeId }, departureOf(before, request));
  return { entries: draft.entries, reply: { brokerEpoch } };
}

function departureOf(before: BrokerImage, request: RegisterBrokerRequest): Departure {
  if (before.directoryId !== request.directoryId) return 'new-directory';
  return before.brokerEpoch === request.cleanStopEpoch ? 'clean' : 'unclean';
}
