/** FindCoordinator: who leads the partition that looks after a group or a transactional id. The first question creates the topic. */
import { findCoordinatorApi, type FindCoordinatorResponse, protocolError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Coordinator = FindCoordinatorResponse['coordinators'][number];

export function findCoordinatorHandler(services: BrokerServices): AnyHandler {
  return handlerOf(findCoordinatorApi, async ({ keyType, keys }) => {
    const coordinators: Coordinator[] = [];
    for (const key of keys) coordinators.push(await find(services, keyType, key));
    return { body: { coordinators } };
  });
}

async function find(services: BrokerServices, keyType: 'group' | 'transaction', key: string): Promise<Coordinator> {
  try {
    if (keyType === 'transaction') {
      return { key, error: 0, message: null, ...(await services.transactions.coordinator.find(key)) };
    }
    if (key === '') throw protocolError('INVALID_GROUP_ID', 'A group id must not be empty.');
    return { key, error: 0, message: null, ...(await services.groups.find(key)) };
  } catch (error) {
    return { key, ...entryError(services, findCoordinatorApi, error), nodeId: -1, host: '', port: 0 };
  }
}
