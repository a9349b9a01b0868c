/** FindCoordinator: which node looks after a group or a transactional id. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, name, natural, naturalOrNone, replyList, requestList } from '../fields.js';

const request = z.object({
  keyType: z.enum(['group', 'transaction']).describe('What the keys are: group ids or transactional ids.'),
  keys: requestList(name('Group id or transactional id.'), 'What to find the coordinators of.'),
});

const response = z.object({
  coordinators: replyList(
    z.object({
      key: name('As asked.'),
      error: errorField(),
      message: messageField(),
      nodeId: naturalOrNone('Node that coordinates it; -1 on error.'),
      host: name('Where clients reach that node; empty on error.'),
      port: natural('Its port; 0 on error.').max(65_535),
    }),
    'In the order of the request.',
  ),
});

export const findCoordinatorApi = defineApi({
  key: 10,
  name: 'FindCoordinator',
  text: 'Finds the coordinators of groups and of transactional ids.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type FindCoordinatorRequest = RequestOf<typeof findCoordinatorApi>;
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinatorApi>;
