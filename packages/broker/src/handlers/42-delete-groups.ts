/** DeleteGroups: each group is deleted, or not, by itself. */
import { deleteGroupsApi, noError, type WireError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function deleteGroupsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(deleteGroupsApi, async (request) => {
    const groups = await Promise.all(
      request.groups.map(async (group) => ({ group, ...(await remove(services, group)) })),
    );
    return { body: { groups } };
  });
}

async function remove(services: BrokerServices, group: string): Promise<WireError> {
  try {
    await services.groups.submit({ kind: 'delete-group', group });
    return noError;
  } catch (error) {
    return entryError(services, deleteGroupsApi, error);
  }
}
