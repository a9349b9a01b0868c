/** CreateTopics: each topic succeeds or fails alone. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
  maxConfigs,
  messageField,
  name,
  natural,
  naturalOrNone,
  replyList,
  requestList,
  text,
  topicIdField,
} from '../fields.js';
import { configEntries } from './config-entries.js';

const request = z.object({
  topics: requestList(
    z.object({
      name: name('Name of the new topic.'),
      partitions: naturalOrNone('Number of partitions; -1: the cluster’s default.'),
      replicationFactor: naturalOrNone('Copies of each partition; -1: the cluster’s default.'),
      configs: z
        .array(z.object({ key: name('Name of a setting.'), value: text('Its value as text.') }))
        .max(maxConfigs)
        .describe('Settings that differ from the defaults.'),
    }),
    'Topics to create.',
  ),
  timeoutMs: natural('How long to wait until the topics are known to be created.'),
  validateOnly: flag('Check all, create nothing.'),
});

const response = z.object({
  topics: replyList(
    z.object({
      name: name('Name as asked.'),
      topicId: topicIdField('Id of the new topic; null on error and when only validating.').nullable(),
      error: errorField(),
      message: messageField(),
      partitions: naturalOrNone('Number of partitions; -1 on error.'),
      replicationFactor: naturalOrNone('Copies of each; -1 on error.'),
      configs: configEntries('All settings in effect; empty on error.'),
    }),
    'In the order of the request.',
  ),
});

export const createTopicsApi = defineApi({
  key: 19,
  name: 'CreateTopics',
  text: 'Creates topics.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type CreateTopicsRequest = RequestOf<typeof createTopicsApi>;
export type CreateTopicsResponse = ResponseOf<typeof createTopicsApi>;
