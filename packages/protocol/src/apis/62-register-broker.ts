/** RegisterBroker: a broker process makes itself known to the controller and gets its epoch. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  name,
  natural53OrNone,
  nodeIdField,
  nodeRoles,
  portField,
  text,
  idField,
} from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node id of the broker.'),
  incarnationId: idField('Drawn by the process when it starts: tells a repeated request from a restart.'),
  directoryId: idField('Id of its data directory: with another one, the replicas it had are gone.'),
  cleanStopEpoch: natural53OrNone('Epoch that the directory’s mark of a clean stop holds; -1: there is no mark.'),
  roles: nodeRoles(),
  rack: name('Failure domain; null when not set.').nullable(),
  hostLabel: name('Machine it runs on; null when not set.').nullable(),
  host: text('Host of its client listener.'),
  port: portField('Port of its client listener.'),
  internalHost: text('Host of its internal listener.'),
  internalPort: portField('Port of its internal listener.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  brokerEpoch: natural53OrNone('Epoch of this registration; -1 on error.'),
});

export const registerBrokerApi = defineApi({
  key: 62,
  name: 'RegisterBroker',
  text: 'Makes a broker known to the cluster.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'internal',
  request,
  response,
});

export type RegisterBrokerRequest = RequestOf<typeof registerBrokerApi>;
export type RegisterBrokerResponse = ResponseOf<typeof registerBrokerApi>;
