import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Producer } from '@millrace/producer';
import { startServer } from '@millrace/server';
import { expect, test } from 'vitest';
import { billOrders } from './billing-group.js';

test('two workers bill every order once, in order for each customer, and one that is stopped hands over', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-example-'));
  try {
    await using server = await startServer({ dataDir: directory, client: '127.0.0.1:0' });
    const { bootstrap } = server;
    await using admin = new Admin({ bootstrap });
    await using producer = new Producer({ bootstrap });
    await admin.createTopic({ name: 'orders', partitions: 4 });
    const billed = new Map<string, number[]>();
    let count = 0;
    const bill = async ({ customer, total }: { customer: string; total: number }): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      billed.set(customer, [...(billed.get(customer) ?? []), total]);
      count += 1;
    };
    const order = async (from: number, to: number): Promise<void> => {
      for (let total = from; total < to; total++) {
        const records = ['ada', 'bob', 'cleo', 'dan', 'eve'].map((customer) => ({
          key: customer,
          value: JSON.stringify({ customer, total }),
        }));
        await producer.sendBatch({ topic: 'orders', records });
      }
    };
    const until = async (expected: number): Promise<void> => {
      const signal = AbortSignal.timeout(20_000);
      while (count < expected) {
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const stops = [new AbortController(), new AbortController()] as const;
    const workers = stops.map(({ signal: stop }) => billOrders({ bootstrap, bill, stop }));
    await order(0, 20);
    await until(100);
    stops[0].abort();
    await workers[0];
    await order(20, 40);
    await until(200);
    stops[1].abort();
    await workers[1];
    const inOrder = Array.from({ length: 40 }, (_, index) => index);
    expect(billed).toEqual(new Map([...billed.keys()].map((customer) => [customer, inOrder])));
    expect(billed.size).toBe(5);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
