import type { Environment } from '@millrace/base';
import { nodeEnvironment } from '@millrace/base/node';
import { expect, test } from 'vitest';
import { soon, take, testNode } from './test-node.js';

const node = testNode({ 'connection.max.requests': 1 });

test('requests that wait for the long polls before them do not cost the connection', async () => {
  const topic = await node.topicWith(0, 4);
  for (const partition of [2, 3]) await node.add(topic, 3, { partition });
  const connecting = countingConnects();
  await using consumer = node.consumer({
    environment: connecting.environment,
    assignments: [0, 1, 2].map((partition) => ({ topic, partition, from: 'beginning' })),
    maxWaitMs: 600,
    requestTimeoutMs: 500,
  });
  const [, quiet, full] = consumer.assignment();
  consumer.pause([quiet, full].flatMap((each) => each ?? []));
  await consumer.ready(soon());
  const before = connecting.count();

  // A fetch for each of them, one after the other in the socket, and then the question where partition 3 begins.
  for (const each of [quiet, full]) {
    consumer.resume(each === undefined ? [] : [each]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  consumer.assign([0, 1, 2, 3].map((partition) => ({ topic, partition, from: 'beginning' })));

  const records = await take(consumer, 6);
  expect(records.map(({ partition, offset }) => [partition, offset]).sort()).toEqual([
    [2, 0],
    [2, 1],
    [2, 2],
    [3, 0],
    [3, 1],
    [3, 2],
  ]);
  expect(connecting.count()).toBe(before);
});

function countingConnects(): { readonly environment: Environment; readonly count: () => number } {
  const environment = nodeEnvironment();
  const { network } = environment;
  let count = 0;
  return {
    environment: {
      ...environment,
      network: {
        connect: (...args) => {
          count += 1;
          return network.connect(...args);
        },
        listen: (...args) => network.listen(...args),
      },
    },
    count: () => count,
  };
}
