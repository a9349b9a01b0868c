/** ListGroups: the groups that the asked node coordinates; every broker has to be asked. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { natural, replyList } from '../fields.js';
import { groupField, groupStateField } from './group-fields.js';

const request = z.object({
  states: z.array(groupStateField()).max(8).describe('Only groups in these states; empty: all.'),
});

const response = z.object({
  groups: replyList(
    z.object({
      group: groupField(),
      state: groupStateField(),
      members: natural('How many members it has.'),
    }),
    'Groups of this node, by id.',
  ),
});

export const listGroupsApi = defineApi({
  key: 16,
  name: 'ListGroups',
  text: 'Lists the groups that the node coordinates.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type ListGroupsRequest = RequestOf<typeof listGroupsApi>;
export type ListGroupsResponse = ResponseOf<typeof listGroupsApi>;
