/**
 * A worker of the group `billing`: start as many of these processes as there is work for, stop any of them at any time.
 *
 * Each order is billed by one of them, in order for each customer. After a crash the orders since the last commit come
 * again, so that `bill` has to notice an order that it has billed before.
 */
import { Consumer } from '@millrace/consumer';

export interface Order {
  readonly customer: string;
  readonly total: number;
}

export interface BillingWorker {
  readonly bootstrap: string;
  readonly bill: (order: Order) => Promise<void>;
  /** Aborted to stop the worker: it finishes the orders it has begun, commits, and leaves the group. */
  readonly stop: AbortSignal;
}

export async function billOrders({ bootstrap, bill, stop }: BillingWorker): Promise<void> {
  await using consumer = new Consumer({
    bootstrap,
    group: 'billing',
    topics: ['orders'],
    from: 'beginning',
    deserializeValue: (value) => JSON.parse(Buffer.from(value ?? []).toString('utf8')) as Order,
  });
  stop.addEventListener('abort', () => void consumer.close(), { once: true });
  await consumer.run({ eachRecord: ({ value }) => bill(value), concurrency: 4 });
}
