/** AllocateProducerIds: a block of producer ids for a broker to give out, which nobody else was given or will be. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { brokerEpochField, errorField, messageField, natural, natural53OrNone, nodeIdField } from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node id of the broker.'),
  brokerEpoch: brokerEpochField('Epoch of its registration.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  first: natural53OrNone('First id of the block; -1 on error.'),
  count: natural('Number of ids in the block; 0 on error.'),
});

export const allocateProducerIdsApi = defineApi({
  key: 67,
  name: 'AllocateProducerIds',
  text: 'Gives a broker a block of producer ids.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'internal',
  request,
  response,
});

export type AllocateProducerIdsRequest = RequestOf<typeof allocateProducerIdsApi>;
export type AllocateProducerIdsResponse = ResponseOf<typeof allocateProducerIdsApi>;
