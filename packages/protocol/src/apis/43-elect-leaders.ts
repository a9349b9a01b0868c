/** ElectLeaders: makes partitions change their leader now. Each partition succeeds or fails alone. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  name,
  natural,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
} from '../fields.js';

const target = { topic: name('Name of the topic.'), partition: partitionField() };

const request = z.object({
  electionType: z
    .enum(['preferred', 'unclean'])
    .describe('preferred: the first replica, when it is in sync; unclean: any live replica, losing what it lacks.'),
  partitions: requestList(
    z.object(target),
    'Where to elect; null: wherever the preferred replica could lead and does not.',
  ).nullable(),
  timeoutMs: natural('How long to wait until the elections are done.'),
});

const response = z.object({
  partitions: replyList(
    z.object({
      ...target,
      error: errorField(),
      message: messageField(),
      leader: naturalOrNone('Node that leads it now; -1: none, or unknown.'),
    }),
    'In the order of the request.',
  ),
});

export const electLeadersApi = defineApi({
  key: 43,
  name: 'ElectLeaders',
  text: 'Elects the leaders of partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type ElectLeadersRequest = RequestOf<typeof electLeadersApi>;
export type ElectLeadersResponse = ResponseOf<typeof electLeadersApi>;
