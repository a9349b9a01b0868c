/** RemoveRaftVoter: changes who votes on the cluster's metadata, one voter at a time. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { idField, natural, nodeIdField } from '../fields.js';

const request = z.object({
  nodeId: nodeIdField('Node that is to lose its vote.'),
  directoryId: idField('Id of its data directory, as DescribeQuorum tells it.'),
  timeoutMs: natural('How long to wait for the change to be committed.'),
});

const response = z.object({});

export const removeRaftVoterApi = defineApi({
  key: 81,
  name: 'RemoveRaftVoter',
  text: 'Takes away the vote of a node on the metadata.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type RemoveRaftVoterRequest = RequestOf<typeof removeRaftVoterApi>;
export type RemoveRaftVoterResponse = ResponseOf<typeof removeRaftVoterApi>;
