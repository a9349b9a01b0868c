/** DescribeConfigs: settings in effect, and where each came from. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, replyList, requestList } from '../fields.js';
import { configEntries } from './config-entries.js';
import { configResource } from './config-resource.js';

const request = z.object({
  resources: requestList(z.object(configResource), 'What to describe.'),
});

const response = z.object({
  resources: replyList(
    z.object({
      ...configResource,
      error: errorField(),
      message: messageField(),
      configs: configEntries('All settings in effect; empty on error.'),
    }),
    'In the order of the request.',
  ),
});

export const describeConfigsApi = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  text: 'Lists the settings of topics.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type DescribeConfigsRequest = RequestOf<typeof describeConfigsApi>;
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigsApi>;
