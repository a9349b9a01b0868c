/**
 * Writes records to standard output, a line each, in pieces of about 64 KiB. When the reader is slow, `write` waits,
 * and so does the consumer behind it.
 *
 * - `value`: the bytes of the value; a null value is an empty line;
 * - `json`: `{"topic","partition","offset","timestamp","key","value","headers"}`.
 */
import { once } from 'node:events';
import type { ConsumerBatch } from '@millrace/consumer';
import { recordToJson } from './record-json.js';

const pieceBytes = 64 * 1024;
const lineFeed = Buffer.from('\n');
const noBytes = new Uint8Array(0);

export class RecordOutput {
  readonly #format: 'value' | 'json';
  readonly #recordsMax: number;
  #piece: Uint8Array[] = [];
  #pieceBytes = 0;
  records = 0;
  /** The offset after the last record that was written. */
  nextOffset = 0;

  constructor(format: 'value' | 'json', recordsMax: number) {
    this.#format = format;
    this.#recordsMax = recordsMax;
  }

  /** Whether as many records were written as were asked for. */
  get isFull(): boolean {
    return this.records >= this.#recordsMax;
  }

  /** Keeps nothing of the batch when it resolves. */
  async write(batch: ConsumerBatch): Promise<void> {
    for (const record of batch) {
      if (this.isFull) break;
      this.records += 1;
      this.nextOffset = record.offset + 1;
      if (this.#format === 'value') this.#add(record.value ?? noBytes);
      else {
        const { topic, partition } = record;
        this.#add(Buffer.from(JSON.stringify({ topic, partition, ...recordToJson(record) })));
      }
      if (this.#pieceBytes >= pieceBytes) await this.#flush();
    }
    await this.#flush();
  }

  #add(line: Uint8Array): void {
    this.#piece.push(line, lineFeed);
    this.#pieceBytes += line.length + 1;
  }

  async #flush(): Promise<void> {
    if (this.#pieceBytes === 0) return;
    const piece = Buffer.concat(this.#piece, this.#pieceBytes);
    this.#piece = [];
    this.#pieceBytes = 0;
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
  }
}
