/** DescribeProducers: who writes to partitions that this node leads, and which transactions are open there. */
import { describeProducersApi, type DescribeProducersResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Result = DescribeProducersResponse['partitions'][number];

/** Of one partition: as many as a reply may list. */
const maxProducers = 50_000;

export function describeProducersHandler(services: BrokerServices): AnyHandler {
  return handlerOf(describeProducersApi, (request) => ({
    body: { partitions: request.partitions.map((place) => describe(services, place)) },
  }));
}

function describe(services: BrokerServices, place: { topicId: string; partition: number }): Result {
  const { topicId, partition: index } = place;
  try {
    const { log } = services.partitions.leader(topicId, index, -1);
    const producers = log
      .producers()
      .slice(0, maxProducers)
      .map(({ lastActivityMs, ...rest }) => ({ ...rest, lastTimestamp: lastActivityMs }));
    return { topicId, partition: index, error: 0, message: null, producers };
  } catch (error) {
    return { topicId, partition: index, ...entryError(services, describeProducersApi, error), producers: [] };
  }
}
