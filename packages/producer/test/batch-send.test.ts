import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { BatchDeliveries } from '../src/batch-deliveries.js';
import { BatchSend } from '../src/batch-send.js';

const clock = new ManualClock();
const acknowledged = (baseOffset: number) => ({ error: undefined, baseOffset });

/** A `sendBatch` of four records, two in each of two batches. */
function twoBatches(): { send: BatchSend; first: BatchDeliveries; second: BatchDeliveries } {
  const send = new BatchSend();
  const first = new BatchDeliveries('orders', 0);
  const second = new BatchDeliveries('orders', 0);
  for (const batch of [first, second]) for (const index of [0, 1]) batch.span(send, index);
  send.complete();
  return { send, first, second };
}

test('results are in the order of the records, whichever batch is acknowledged first', async () => {
  const { send, first, second } = twoBatches();
  second.resolve(acknowledged(12), 2, clock);
  first.resolve(acknowledged(10), 2, clock);
  const { results } = await send.promise;
  expect(results.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual([
    [10, 11],
    [12, 13],
  ]);
});

test('the halves of a batch that was split stay in order', async () => {
  const { send, first, second } = twoBatches();
  const halves = [new BatchDeliveries('orders', 0), new BatchDeliveries('orders', 0)] as const;
  first.split(1, ...halves);
  halves[1].resolve(acknowledged(11), 1, clock);
  second.resolve(acknowledged(12), 2, clock);
  halves[0].resolve(acknowledged(10), 1, clock);
  const { results } = await send.promise;
  expect(results.map(({ firstOffset, recordCount }) => [firstOffset, recordCount])).toEqual([
    [10, 1],
    [11, 1],
    [12, 2],
  ]);
});
