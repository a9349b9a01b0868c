import type { Delivery } from './delivery.js';
export class ProducerBatch {
  observe(_delivery: Delivery, _index: number): void {}
}
