/** DeleteGroups: forgets groups without members, and their committed offsets. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, replyList, requestList } from '../fields.js';
import { groupField } from './group-fields.js';

const request = z.object({
  groups: requestList(groupField(), 'Groups to delete.'),
});

const response = z.object({
  groups: replyList(
    z.object({ group: groupField('As asked.'), error: errorField(), message: messageField() }),
    'In the order of the request.',
  ),
});

export const deleteGroupsApi = defineApi({
  key: 42,
  name: 'DeleteGroups',
  text: 'Deletes groups that have no members.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DeleteGroupsRequest = RequestOf<typeof deleteGroupsApi>;
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroupsApi>;
