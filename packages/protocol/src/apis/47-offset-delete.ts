/** OffsetDelete: forgets committed offsets of topics that no member of the group is subscribed to. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, partitionField, replyList, requestList, topicIdField } from '../fields.js';
import { groupField } from './group-fields.js';

const request = z.object({
  group: groupField(),
  partitions: requestList(
    z.object({ topicId: topicIdField(), partition: partitionField() }),
    'Whose offsets to delete.',
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

export const offsetDeleteApi = defineApi({
  key: 47,
  name: 'OffsetDelete',
  text: 'Deletes committed offsets of a group.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type OffsetDeleteRequest = RequestOf<typeof offsetDeleteApi>;
export type OffsetDeleteResponse = ResponseOf<typeof offsetDeleteApi>;
