/**
 * One offset per partition in one file of the data directory, in Kafka's checkpoint layout: `topic partition offset`.
 *
 * Values change in memory and are written on `save`. One write is in flight; what changed meanwhile goes with the
 * next, which all waiters share. A damaged file counts as absent: each of these offsets is a hint that opening a log
 * can do without.
 */
import type { FileSystem, Logger } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { decodeCheckpoint, encodeCheckpoint, parseNatural } from '../checkpoint-text.js';
import { partitionDirectoryName, type PartitionName } from './partition-name.js';

interface Entry extends PartitionName {
  readonly offset: number;
}

/** Room for 100,000 partitions with names of middling length. */
const maxBytes = 32 * 1024 * 1024;

export class OffsetCheckpoint {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #entries = new Map<string, Entry>();
  #isChanged = false;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(files: FileSystem, path: string, logger: Logger) {
    this.#files = files;
    this.#path = path;
    const bytes = readSmallFile(files, path, maxBytes);
    const entries = bytes && decodeCheckpoint(bytes, parseEntry);
    if (bytes !== undefined && entries === undefined) {
      logger.warn('ignored a damaged checkpoint: logs are looked through instead', { path });
    }
    for (const entry of entries ?? []) this.#entries.set(partitionDirectoryName(entry), entry);
  }

  get(name: PartitionName): number | undefined {
    return this.#entries.get(partitionDirectoryName(name))?.offset;
  }

  set(name: PartitionName, offset: number): void {
    if (this.get(name) === offset) return;
    this.#entries.set(partitionDirectoryName(name), { topic: name.topic, partition: name.partition, offset });
    this.#isChanged = true;
  }

  delete(name: PartitionName): void {
    if (this.#entries.delete(partitionDirectoryName(name))) this.#isChanged = true;
  }

  /** Resolves when all values set before this call would survive a power cut. */
  save(): Promise<void> {
    if (!this.#isChanged) return this.#writing ?? Promise.resolve();
    if (this.#writing === undefined) {
      this.#writing = this.#write();
      return this.#writing;
    }
    this.#next ??= this.#writeAfter(this.#writing);
    return this.#next;
  }

  async #writeAfter(writing: Promise<void>): Promise<void> {
    // Whether that one failed is told to those who wait for it; this one writes everything again.
    await Promise.allSettled([writing]);
    this.#next = undefined;
    this.#writing = this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    this.#isChanged = false;
    const lines = [...this.#entries.values()].map((entry) => `${entry.topic} ${entry.partition} ${entry.offset}`);
    try {
      await writeFileAtomically(this.#files, this.#path, encodeCheckpoint(lines));
    } catch (error) {
      this.#isChanged = true;
      throw error;
    } finally {
      this.#writing = undefined;
    }
  }
}

function parseEntry(line: string): Entry | undefined {
  const [topic, partitionText, offsetText, ...rest] = line.split(' ');
  const partition = parseNatural(partitionText ?? '');
  const offset = parseNatural(offsetText ?? '');
  if (!topic || partition === undefined || offset === undefined || rest.length > 0) return undefined;
  return { topic, partition, offset };
}
