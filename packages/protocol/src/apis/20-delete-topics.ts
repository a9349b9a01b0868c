/** DeleteTopics: by name or id; each topic succeeds or fails alone. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, name, natural, replyList, requestList, topicIdField } from '../fields.js';

const target = {
  name: name('Name of the topic; null when named by id.').nullable(),
  topicId: topicIdField('Id of the topic; null when named by name.').nullable(),
};

const request = z.object({
  topics: requestList(z.object(target), 'Topics to delete, each by name or by id.'),
  timeoutMs: natural('How long to wait until the topics are known to be deleted.'),
});

const response = z.object({
  topics: replyList(
    z.object({ ...target, error: errorField(), message: messageField() }),
    'In the order of the request, with both name and id where known.',
  ),
});

export const deleteTopicsApi = defineApi({
  key: 20,
  name: 'DeleteTopics',
  text: 'Deletes topics and their records.',
  versions: [{ version: 0, why: 'First version: by name or id.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type DeleteTopicsRequest = RequestOf<typeof deleteTopicsApi>;
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopicsApi>;
