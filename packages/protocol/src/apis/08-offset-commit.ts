/**
 * OffsetCommit: how far a group has come in its partitions.
 *
 * A member commits under its epoch. It may be older than the member's present one as long as the partition has been
 * the member's since: what was given to another in between is refused with STALE_MEMBER_EPOCH. Without a member
 * (`memberId` empty) only a group without members takes commits.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
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

const request = z.object({
  group: groupField(),
  memberId: memberIdField('Member that commits; empty: none, for a group without members.'),
  memberEpoch: memberEpochField('Epoch that the member knows; -1 without a member.'),
  instanceId: labelField('Instance id of a static member.').nullable(),
  allowRewind: flag('Whether an offset may be lower than the one committed before; else that is refused.'),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      offset: natural53('The next offset to read: all before it is done.'),
      leaderEpoch: naturalOrNone('Leader epoch of the last record that was read; -1: unknown.'),
      metadata: z
        .string()
        .max(maxTextLength)
        .describe('Any text to keep with the offset, up to offset.metadata.max.bytes.')
        .nullable(),
    }),
    'What is committed. Entries succeed or fail alone, and those that succeed are committed together.',
  ),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
    }),
    'In the order of the request.',
  ),
});

export const offsetCommitApi = defineApi({
  key: 8,
  name: 'OffsetCommit',
  text: 'Commits the offsets of a group.',
  versions: [{ version: 0, why: 'First version: topics by id, fenced by member epoch, no rewind unless allowed.' }],
  listener: 'client',
  request,
  response,
});

export type OffsetCommitRequest = RequestOf<typeof offsetCommitApi>;
export type OffsetCommitResponse = ResponseOf<typeof offsetCommitApi>;
