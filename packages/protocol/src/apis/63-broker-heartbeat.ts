/** BrokerHeartbeat: a broker tells the controller that it lives, and learns whether it may serve. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { brokerEpochField, errorField, flag, messageField, natural53OrNone, nodeIdField } from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node id of the broker.'),
  brokerEpoch: brokerEpochField('Epoch of its registration.'),
  metadataOffset: natural53OrNone('Last offset of the metadata log that it has acted on; -1: none.'),
  wantFence: flag('It asks to be fenced.'),
  wantShutdown: flag('It wants to stop: its leaderships are to be moved away first.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  isCaughtUp: flag('It has read the metadata up to its own registration.'),
  isFenced: flag('It leads nothing, and clients are not sent to it; true on error.'),
  shouldShutdown: flag('It leads nothing any more, and may stop as it wanted.'),
});

export const brokerHeartbeatApi = defineApi({
  key: 63,
  name: 'BrokerHeartbeat',
  text: 'Keeps a broker’s registration alive.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'internal',
  request,
  response,
});

export type BrokerHeartbeatRequest = RequestOf<typeof brokerHeartbeatApi>;
export type BrokerHeartbeatResponse = ResponseOf<typeof brokerHeartbeatApi>;
