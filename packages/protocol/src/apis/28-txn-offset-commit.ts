/**
 * TxnOffsetCommit: offsets of a group that count when the transaction of a producer is committed, and not before.
 *
 * It goes to the coordinator of the group, which has the transaction know of it first. A group member commits under its
 * epoch, so that one that was replaced cannot commit what its successor is doing (KIP-447).
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  maxTextLength,
  messageField,
  natural53,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';
import { groupField, labelField, memberEpochField, memberIdField } from './group-fields.js';
import { producerEpochField, producerIdField, transactionalIdField } from './transaction-fields.js';

const request = z.object({
  transactionalId: transactionalIdField(),
  producerId: producerIdField(),
  producerEpoch: producerEpochField(),
  group: groupField(),
  memberId: memberIdField('Member that read the records; empty: none, for a group without members.'),
  memberEpoch: memberEpochField('Epoch that the member knows; -1 without a member.'),
  instanceId: labelField('Instance id of a static member.').nullable(),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      offset: natural53('The next offset to read: all before it is done.'),
      leaderEpoch: naturalOrNone('Leader epoch of the last record that was read; -1: unknown.'),
      metadata: z.string().max(maxTextLength).describe('Any text to keep with the offset.').nullable(),
    }),
    'What is committed with the transaction.',
  ),
});

const response = z.object({
  partitions: replyList(
    z.object({ topicId: topicIdField(), partition: partitionField(), error: errorField(), message: messageField() }),
    'In the order of the request.',
  ),
});

export const txnOffsetCommitApi = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  text: 'Commits the offsets of a group with a transaction.',
  versions: [{ version: 0, why: 'First version: topics by id, fenced by member epoch.' }],
  listener: 'client',
  request,
  response,
});

export type TxnOffsetCommitRequest = RequestOf<typeof txnOffsetCommitApi>;
export type TxnOffsetCommitResponse = ResponseOf<typeof txnOffsetCommitApi>;
