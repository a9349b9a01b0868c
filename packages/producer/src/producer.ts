import { MillraceError } from '@millrace/base';
import { Delivery } from './delivery.js';
import { producerSettings, type ProducerOptions } from './producer-options.js';
import type { Bytes, DeliveryCallback, ProducerRecord, SendBatchResult } from './producer-record.js';
import type { ProducerStats } from './producer-stats.js';

export class Producer<Key = Bytes, Value = Bytes> {
  constructor(options: ProducerOptions<Key, Value>) {
    producerSettings(options);
  }

  send(_record: ProducerRecord<Key, Value>): Delivery {
    return new Delivery();
  }

  sendBatch(_batch: {
    readonly topic: string;
    readonly records: readonly Omit<ProducerRecord<Key, Value>, 'topic'>[];
  }): Promise<SendBatchResult> {
    return Promise.reject(new MillraceError('UNSUPPORTED_FEATURE', 'sendBatch'));
  }

  enqueue(_record: ProducerRecord<Key, Value>, _onDelivery?: DeliveryCallback): boolean {
    return false;
  }

  ready(_options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return Promise.resolve();
  }

  flush(_options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return Promise.resolve();
  }

  close(_options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return Promise.resolve();
  }

  stats(): ProducerStats {
    throw new MillraceError('UNSUPPORTED_FEATURE', 'stats');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
