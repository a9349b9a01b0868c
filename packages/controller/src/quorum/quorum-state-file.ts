/**
 * What a replica must never forget, in the file `quorum-state` beside its log:
 *
 *     millrace-quorum-state 0 <CRC-32 of the second line, 8 hex digits>
 *     {"clusterId":null,"directoryId":"...","term":7,"vote":{"id":2,"directoryId":"..."},
 *      "start":{"position":0,"term":0,"voters":[{"id":1,"directoryId":"..."}]},"resetTo":null}
 *
 * - `clusterId`: as the log told; null before that. Nodes of another cluster are refused from the start;
 * - `term`, `vote`: no message that they imply leaves before they are durable;
 * - `start`: the place in the log where everything before was replaced by a snapshot, with the voters there;
 * - `resetTo`: the log is to be emptied and to start there; set only while a snapshot takes its place.
 *
 * Written as a whole under another name, synced, renamed, and the directory synced: a crash leaves the old or the new.
 * Damage is never taken for absence: a replica that forgot its vote could give it twice.
 */
import { type Environment, MillraceError } from '@millrace/base';
import type { HardState, LogStart, ReplicaKey } from '@millrace/raft';
import { crc32 } from 'node:zlib';
import { z } from 'zod';

export interface QuorumState {
  readonly clusterId: string | undefined;
  /** The directory that this file was written in. */
  readonly directoryId: string;
  readonly hardState: HardState;
  readonly start: LogStart;
  readonly resetTo: number | undefined;
}

const fileName = 'quorum-state';
const heading = 'millrace-quorum-state 0';
const maxBytes = 64 * 1024;

const replica = z.object({ id: z.int().min(0), directoryId: z.string().min(1) });
const position = z.int().min(0);
const schema = z.object({
  clusterId: z.string().nullable(),
  directoryId: z.string().min(1),
  term: z.int().min(0),
  vote: replica.nullable(),
  start: z.object({ position, term: z.int().min(0), voters: z.array(replica) }),
  resetTo: position.nullable(),
});

export class QuorumStateFile {
  readonly #files: Environment['files'];
  readonly #directory: string;

  constructor(files: Environment['files'], directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  get path(): string {
    return `${this.#directory}/${fileName}`;
  }

  exists(): boolean {
    return this.#files.stat(this.path) !== undefined;
  }

  /** Undefined when there is none. Throws `KAFKA_STORAGE_ERROR` when it cannot be read. */
  read(): QuorumState | undefined {
    const stat = this.#files.stat(this.path);
    if (stat === undefined) return undefined;
    if (stat.sizeBytes > maxBytes) throw this.#damaged(`it has ${stat.sizeBytes} bytes`);
    const file = this.#files.open(this.path, 'read');
    try {
      const bytes = Buffer.alloc(stat.sizeBytes);
      return this.#decode(bytes.subarray(0, file.readSync(bytes, 0, bytes.length, 0)).toString('utf8'));
    } finally {
      file.close();
    }
  }

  /** Durable when resolved. One at a time. */
  async write(state: QuorumState): Promise<void> {
    const bytes = Buffer.from(encode(state));
    const temporary = `${this.path}.tmp`;
    const file = this.#files.open(temporary, 'write');
    try {
      file.truncate(0);
      for (let written = 0; written < bytes.length;) {
        const count = file.write(bytes, written, bytes.length - written, written);
        if (count === 0) throw new MillraceError('LOG_DISK_FULL', `No space to write ${temporary}.`);
        written += count;
      }
      await file.sync();
    } finally {
      file.close();
    }
    this.#files.rename(temporary, this.path);
    await this.#files.syncDirectory(this.#directory);
  }

  #decode(text: string): QuorumState {
    const [first = '', json = ''] = text.split('\n');
    if (first !== headingOf(json)) throw this.#damaged('its checksum is wrong');
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch (error) {
      throw this.#damaged('it is not JSON', error);
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw this.#damaged(z.prettifyError(parsed.error));
    const { clusterId, directoryId, term, vote, start, resetTo } = parsed.data;
    return {
      clusterId: clusterId ?? undefined,
      directoryId,
      hardState: { term, vote: vote ?? undefined },
      start: { position: start.position, term: start.term, membership: { voters: start.voters } },
      resetTo: resetTo ?? undefined,
    };
  }

  #damaged(why: string, cause?: unknown): MillraceError {
    return new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `${this.path} is damaged: ${why}. It holds the vote of this node, which must not be given twice: ` +
        'remove the node from the voters, empty its directory, and let it join again.',
      { cause },
    );
  }
}

function encode({ clusterId, directoryId, hardState, start, resetTo }: QuorumState): string {
  const json = JSON.stringify({
    clusterId: clusterId ?? null,
    directoryId,
    term: hardState.term,
    vote: hardState.vote === undefined ? null : plain(hardState.vote),
    start: { position: start.position, term: start.term, voters: start.membership.voters.map(plain) },
    resetTo: resetTo ?? null,
  });
  return `${headingOf(json)}\n${json}\n`;
}

function headingOf(json: string): string {
  return `${heading} ${crc32(json).toString(16).padStart(8, '0')}`;
}

function plain({ id, directoryId }: ReplicaKey): { id: number; directoryId: string } {
  return { id, directoryId };
}
