/** A topic as the producer knows it: its partitions with what waits for them, and what a partitioner may know. */
import { MillraceError } from '@millrace/base';
import type { PartitionerTopic } from './partitioner.js';
import { PartitionBuffer, type PartitionBufferOptions } from './partition-buffer.js';

export class TopicBuffer implements PartitionerTopic {
  readonly name: string;
  readonly #options: PartitionBufferOptions;
  /** May be more than there are partitions, after the topic was created again with fewer. */
  readonly #buffers: PartitionBuffer[] = [];
  #partitionCount = 0;
  available: readonly number[] = [];
  /** Moved by the partitions' buffers. */
  closedBatches = 0;

  constructor(name: string, options: PartitionBufferOptions) {
    this.name = name;
    this.#options = options;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  buffer(partition: number): PartitionBuffer | undefined {
    return partition < this.#partitionCount ? this.#buffers[partition] : undefined;
  }

  /** Throws for a partition that the topic does not have. */
  requireBuffer(partition: number): PartitionBuffer {
    const buffer = this.buffer(partition);
    if (buffer !== undefined) return buffer;
    throw new MillraceError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Topic ${this.name} has partitions 0 to ${this.partitionCount - 1}, no partition ${partition}.`,
    );
  }

  /** Takes in what the cluster says. */
  update(leaders: readonly number[]): void {
    for (let partition = this.#buffers.length; partition < leaders.length; partition++) {
      this.#buffers.push(new PartitionBuffer(this, partition, this.#options));
    }
    this.#partitionCount = leaders.length;
    const all = leaders.map((_, partition) => partition);
    const available = all.filter((partition) => (leaders[partition] ?? -1) >= 0);
    this.available = available.length > 0 ? available : all;
  }

  /** The topic was created again: its partitions are new and empty. */
  startOver(): void {
    for (const { window } of this.#buffers) window.startOver();
  }
}
