/** IncrementalAlterConfigs: changes single settings and leaves the others as they are. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, flag, maxConfigs, messageField, name, replyList, requestList, text } from '../fields.js';
import { configResource } from './config-resource.js';

const request = z.object({
  resources: requestList(
    z.object({
      ...configResource,
      changes: z
        .array(
          z.object({
            key: name('Name of the setting.'),
            value: text('New value as text; null: back to the default.').nullable(),
          }),
        )
        .max(maxConfigs)
        .describe('Settings to change; all or none of one resource.'),
    }),
    'What to change.',
  ),
  validateOnly: flag('Check all, change nothing.'),
});

const response = z.object({
  resources: replyList(
    z.object({ ...configResource, error: errorField(), message: messageField() }),
    'In the order of the request.',
  ),
});

export const incrementalAlterConfigsApi = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  text: 'Changes settings of topics.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigsApi>;
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigsApi>;
