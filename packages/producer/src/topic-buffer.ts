/** A topic as the producer knows it: its partitions with what waits for them, and what a partitioner may know. */
import type { PartitionerTopic } from './partitioner.js';
import { PartitionBuffer, type PartitionBufferOptions } from './partition-buffer.js';

export class TopicBuffer implements PartitionerTopic {
  readonly name: string;
  readonly #options: PartitionBufferOptions;
  readonly #buffers: PartitionBuffer[] = [];
  available: readonly number[] = [];
  /** Moved by the partitions' buffers. */
  closedBatches = 0;

  constructor(name: string, options: PartitionBufferOptions) {
    this.name = name;
    this.#options = options;
  }

  get partitionCount(): number {
    return this.#buffers.length;
  }

  buffer(partition: number): PartitionBuffer | undefined {
    return this.#buffers[partition];
  }

  /** Takes in what the cluster says. A topic that was made again with fewer partitions keeps the buffers it had. */
  update(leaders: readonly number[]): void {
    for (let partition = this.#buffers.length; partition < leaders.length; partition++) {
      this.#buffers.push(new PartitionBuffer(this, partition, this.#options));
    }
    const all = leaders.map((_, partition) => partition);
    const available = all.filter((partition) => (leaders[partition] ?? -1) >= 0);
    this.available = available.length > 0 ? available : all;
  }
}
