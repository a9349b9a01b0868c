/**
 * Legal states of a broker and what leads from one to the other:
 *
 *     fenced        -> active         heartbeat of a broker that has read its own registration
 *     active        -> fenced         silence for the session timeout, or the broker asks for it
 *     active        -> shutting-down  the broker asks to stop; its leaderships move first
 *     shutting-down -> fenced         silence
 *     any           -> fenced         a new registration
 */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { BrokerImage, MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { activate, deactivate, leadsAny } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';

export interface BrokerHeartbeatRequest {
  readonly nodeId: number;
  readonly brokerEpoch: number;
  /** Last offset of the metadata log that the broker has applied. */
  readonly metadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutdown: boolean;
}

export interface BrokerHeartbeatCommand {
  readonly kind: 'broker-heartbeat';
  readonly request: BrokerHeartbeatRequest;
}

export interface BrokerHeartbeatReply {
  readonly isCaughtUp: boolean;
  readonly isFenced: boolean;
  /** The broker leads nothing any more. */
  readonly shouldShutdown: boolean;
}

export interface FenceBrokerCommand {
  readonly kind: 'fence-broker';
  readonly nodeId: number;
  /** The registration that fell silent; a newer one is left alone. */
  readonly brokerEpoch: number;
}

export function brokerHeartbeat(
  image: MetadataImage,
  { request }: BrokerHeartbeatCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, BrokerHeartbeatReply> {
  const { nodeId, wantFence, wantShutdown } = request;
  const broker = currentBroker(image, nodeId, request.brokerEpoch);
  const isCaughtUp = request.metadataOffset >= broker.brokerEpoch;
  const draft = new DecisionDraft(image);
  const transition = { draft, policy, nodeId };
  if (broker.state === 'active') {
    if (wantShutdown) deactivate(transition, 'shutting-down');
    else if (wantFence) deactivate(transition, 'fenced');
  } else if (broker.state === 'fenced' && isCaughtUp && !wantFence && !wantShutdown) {
    activate(transition);
  }
  const state = draft.image.brokers.get(nodeId)?.state;
  const shouldShutdown = wantShutdown && !leadsAny(draft.image, nodeId);
  return { entries: draft.entries, reply: { isCaughtUp, isFenced: state === 'fenced', shouldShutdown } };
}

export function fenceBroker(
  image: MetadataImage,
  { nodeId, brokerEpoch }: FenceBrokerCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, undefined> {
  const broker = image.brokers.get(nodeId);
  if (broker?.brokerEpoch !== brokerEpoch || broker.state === 'fenced') return { entries: [], reply: undefined };
  const draft = new DecisionDraft(image);
  deactivate({ draft, policy, nodeId }, 'fenced');
  return { entries: draft.entries, reply: undefined };
}

/** Throws `STALE_BROKER_EPOCH` unless this is the newest registration of the node. */
export function currentBroker(image: MetadataImage, nodeId: number, brokerEpoch: number): BrokerImage {
  const broker = image.brokers.get(nodeId);
  if (broker?.brokerEpoch === brokerEpoch) return broker;
  throw protocolError(
    'STALE_BROKER_EPOCH',
    broker === undefined
      ? `Node ${nodeId} is not registered.`
      : `Node ${nodeId} speaks with broker epoch ${brokerEpoch}, but registered again with ${broker.brokerEpoch}.`,
  );
}
