/** AddRaftVoter: changes who votes on the cluster's metadata, one voter at a time. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { idField, natural, nodeIdField } from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node that is to vote.'),
  directoryId: idField('Id of its data directory, as DescribeQuorum tells it.'),
  timeoutMs: natural('How long to wait for the change to be committed.'),
});

const response = z.object({});

export const addRaftVoterApi = defineApi({
  key: 80,
  name: 'AddRaftVoter',
  text: 'Makes a node that follows the metadata a voter.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type AddRaftVoterRequest = RequestOf<typeof addRaftVoterApi>;
export type AddRaftVoterResponse = ResponseOf<typeof addRaftVoterApi>;
