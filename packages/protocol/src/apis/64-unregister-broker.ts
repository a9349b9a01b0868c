/** UnregisterBroker: the cluster forgets a broker that is gone for good and holds no replica. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { natural, nodeIdField } from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node to forget.'),
  timeoutMs: natural('How long to wait for the change to be committed.'),
});

const response = z.object({});

export const unregisterBrokerApi = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  text: 'Forgets a broker that is gone.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type UnregisterBrokerRequest = RequestOf<typeof unregisterBrokerApi>;
export type UnregisterBrokerResponse = ResponseOf<typeof unregisterBrokerApi>;
