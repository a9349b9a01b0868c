/** DescribeQuorum: who votes on the cluster's metadata, who follows it, and how far each is. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { idField, natural53, nodeIdField, replyList } from '../fields.js';

const request = z.object({});

const replica = z.object({
  nodeId: nodeIdField('Node id.'),
  directoryId: idField('Id of its data directory: with another one it is another replica.'),
  logEndOffset: natural53('Up to here its metadata log is known to be on its disk.'),
  lag: natural53('Records of the leader’s metadata log that it lacks, as far as the leader knows.'),
});

const response = z.object({
  leaderId: nodeIdField('Node that leads, and answers.'),
  leaderEpoch: natural53('Its term.'),
  highWatermark: natural53('End of what is committed.'),
  voters: replyList(replica, 'Those whose majority commits.'),
  observers: replyList(replica, 'Those that follow without a vote.'),
});

export const describeQuorumApi = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  text: 'Describes the controller quorum.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type DescribeQuorumRequest = RequestOf<typeof describeQuorumApi>;
export type DescribeQuorumResponse = ResponseOf<typeof describeQuorumApi>;
