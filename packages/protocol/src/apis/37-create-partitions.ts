/** CreatePartitions: grows topics. Keys written later may land in other partitions than before. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, flag, messageField, name, natural, replyList, requestList } from '../fields.js';

const request = z.object({
  topics: requestList(
    z.object({ name: name('Name of the topic.'), partitions: natural('Number of partitions it shall have.') }),
    'Topics to grow.',
  ),
  timeoutMs: natural('How long to wait until the partitions are known to exist.'),
  validateOnly: flag('Check all, create nothing.'),
});

const response = z.object({
  topics: replyList(
    z.object({ name: name('Name as asked.'), error: errorField(), message: messageField() }),
    'In the order of the request.',
  ),
});

export const createPartitionsApi = defineApi({
  key: 37,
  name: 'CreatePartitions',
  text: 'Adds partitions to topics.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type CreatePartitionsRequest = RequestOf<typeof createPartitionsApi>;
export type CreatePartitionsResponse = ResponseOf<typeof createPartitionsApi>;
