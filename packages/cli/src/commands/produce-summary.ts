/** What became of the records of a `produce` command, counted as acknowledgements arrive. */
import { errorCode, errorMessage } from '@millrace/base';
import { formatBytes, formatCount, printJson, printNote, printTable } from '../output/print.js';

interface PartitionRange {
  first: number;
  last: number;
}

export class ProduceSummary {
  readonly #startedMs = performance.now();
  readonly #partitions = new Map<number, PartitionRange>();
  records = 0;
  bytes = 0;
  acknowledged = 0;
  failed = 0;
  firstErrorCode = 'UNKNOWN';
  firstErrorMessage = '';

  read(bytes: number): void {
    this.records += 1;
    this.bytes += bytes;
  }

  /** Adds what became of some of the records. */
  add(other: ProduceSummary): void {
    this.acknowledged += other.acknowledged;
    for (const [partition, { first, last }] of other.#partitions) {
      this.#note(partition, first);
      this.#note(partition, last);
    }
  }

  fail(records: number, error: unknown): void {
    if (this.failed === 0) {
      this.firstErrorCode = errorCode(error);
      this.firstErrorMessage = errorMessage(error);
    }
    this.failed += records;
  }

  /** One function for all records: no closure per record. */
  readonly delivered = (error: Error | undefined, partition: number, offset: number): void => {
    if (error !== undefined) {
      this.fail(1, error);
      return;
    }
    this.acknowledged += 1;
    this.#note(partition, offset);
  };

  #note(partition: number, offset: number): void {
    const range = this.#partitions.get(partition);
    if (range === undefined) this.#partitions.set(partition, { first: offset, last: offset });
    else {
      range.first = Math.min(range.first, offset);
      range.last = Math.max(range.last, offset);
    }
  }

  print(json: boolean): void {
    const seconds = Number(((performance.now() - this.#startedMs) / 1000).toFixed(3));
    const partitions = [...this.#partitions].sort(([a], [b]) => a - b);
    if (json) {
      const { records, acknowledged, failed, bytes } = this;
      printJson({ records, acknowledged, failed, bytes, seconds, partitions: Object.fromEntries(partitions) });
      return;
    }
    printNote(
      `${formatCount(this.acknowledged)} of ${formatCount(this.records)} records acknowledged, ${formatBytes(this.bytes)} in ${seconds} s`,
    );
    if (partitions.length > 0)
      printTable(
        ['PARTITION', 'FIRST', 'LAST'],
        partitions.map(([partition, { first, last }]) => [partition, first, last]),
      );
  }
}
