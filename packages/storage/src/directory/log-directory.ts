/**
 * A node's data directory: all the partition logs it keeps, and what they share.
 *
 *     <path>/.lock                               held by the one process that uses this directory
 *     <path>/meta.properties                     which cluster and node it belongs to
 *     <path>/.millrace_cleanshutdown             there only between a clean stop and the next start
 *     <path>/*-checkpoint                        offsets per partition (directory-checkpoints.ts)
 *     <path>/<topic>-<partition>/                one log each, with its topic's id in partition.metadata
 *     <path>/<topic>-<partition>.<id>-delete/    deleted, about to be removed
 *
 * A log goes only when `deleteLog` names it with its topic's id. A directory that nobody asks for, or that cannot be
 * read as what its name says, stays as it is: metadata that looks empty must not cost data.
 */
import { assert, errorMessage, MillraceError, type Environment, type FileLock, type FileSystem } from '@millrace/base';
import { FilePool } from '../file-pool.js';
import { defaultLogConfig, type LogConfig } from '../log-config.js';
import { createLogMemory, type LogMemory, type LogMemoryLimits } from '../log/log-memory.js';
import { PartitionLog } from '../log/partition-log.js';
import { takeCleanStopMark, writeCleanStopMark, type CleanStop } from './clean-stop-mark.js';
import { DirectoryCheckpoints } from './directory-checkpoints.js';
import type { HostedLog, OfflinePartition } from './hosted-log.js';
import { Housekeeping, type HighWatermarkOf } from './housekeeping.js';
import { inParallel } from './in-parallel.js';
import { LogRemoval } from './log-removal.js';
import { joinCluster, openIdentity } from './directory-identity.js';
import { makeDirectories } from './make-directories.js';
import { unreachableDirectory, type MetaProperties } from './meta-properties.js';
import { readPartitionMetadata, writePartitionMetadata } from './partition-metadata.js';
import {
  deletedDirectoryName,
  isDeletedDirectoryName,
  parsePartitionDirectoryName,
  partitionDirectoryName,
  type PartitionName,
} from './partition-name.js';
import { SpaceGuard } from './space-guard.js';

export type LogDirectoryEnvironment = Pick<Environment, 'clock' | 'files' | 'logger' | 'metrics' | 'random'>;

export interface LogDirectoryOptions {
  readonly path: string;
  readonly nodeId: number;
  /** Refuses a directory of another cluster. Left out: the directory's own, or a new one in an empty directory. */
  readonly clusterId?: string;
  /** An empty directory gets no id of a cluster before `joinCluster`. */
  readonly awaitsCluster?: boolean;
  /** Of logs found at the start, until `setConfig`. */
  readonly config?: LogConfig;
  readonly maxOpenFiles?: number;
  /** Of all logs together. */
  readonly memory?: LogMemoryLimits;
  /** How many logs are opened, recovered and closed at the same time. */
  readonly parallelism?: number;
  /** Appends are refused while fewer bytes than this are free on the disk. */
  readonly lowSpaceBytes?: number;
  /** How long one step of housekeeping goes on looking at logs. */
  readonly housekeepingMs?: number;
}

export interface NewLog extends PartitionName {
  readonly topicId: string;
  readonly config: LogConfig;
}

export interface DeletedLog extends PartitionName {
  readonly topicId: string;
}

const defaultParallelism = 8;
const defaultLowSpaceBytes = 64 * 1024 * 1024;
const defaultHousekeepingMs = 5000;

export class LogDirectory {
  readonly #environment: LogDirectoryEnvironment;
  readonly #options: LogDirectoryOptions;
  readonly #lock: FileLock;
  #meta: MetaProperties;
  readonly #cleanStop: CleanStop | undefined;
  readonly #pool: FilePool;
  readonly #memory: LogMemory;
  readonly #checkpoints: DirectoryCheckpoints;
  readonly #space: SpaceGuard;
  readonly #removal: LogRemoval;
  readonly #housekeeping: Housekeeping;
  /** By directory name, in the order of opening. */
  readonly #logs = new Map<string, HostedLog>();
  readonly #offline = new Map<string, OfflinePartition>();
  /** Creations and deletions under way: one at a time for each name. */
  readonly #changes = new Map<string, Promise<unknown>>();
  #highWatermarkOf: HighWatermarkOf | undefined;
  #closing: Promise<void> | undefined;

  /** Opens all logs. Rejects when the directory as a whole cannot be used; a single bad log is `offline`. */
  static async open(environment: LogDirectoryEnvironment, options: LogDirectoryOptions): Promise<LogDirectory> {
    const { files, logger } = environment;
    const { path } = options;
    const lock = await lockDirectory(files, path);
    try {
      const meta = await openIdentity(environment, options);
      const cleanStop = await takeCleanStopMark(files, path);
      const directory = new LogDirectory(environment, options, { lock, meta, cleanStop });
      await directory.#openLogs();
      return directory;
    } catch (error) {
      lock.release();
      logger.error('cannot open the data directory', { path, error: errorMessage(error) });
      throw error instanceof MillraceError ? error : unreachableDirectory(path, error);
    }
  }

  private constructor(
    environment: LogDirectoryEnvironment,
    options: LogDirectoryOptions,
    opened: { readonly lock: FileLock; readonly meta: MetaProperties; readonly cleanStop: CleanStop | undefined },
  ) {
    const { files, clock, logger } = environment;
    const { path } = options;
    this.#environment = environment;
    this.#options = options;
    this.#lock = opened.lock;
    this.#meta = opened.meta;
    this.#cleanStop = opened.cleanStop;
    this.#pool = new FilePool(files, options.maxOpenFiles === undefined ? {} : { maxOpenFiles: options.maxOpenFiles });
    this.#memory = createLogMemory(options.memory);
    this.#checkpoints = new DirectoryCheckpoints(files, path, logger);
    const lowSpaceBytes = options.lowSpaceBytes ?? defaultLowSpaceBytes;
    this.#space = new SpaceGuard({ files, clock, logger, path, lowSpaceBytes });
    this.#removal = new LogRemoval({
      files,
      clock,
      logger,
      onRemoved: () => {
        this.#space.refresh();
      },
    });
    this.#housekeeping = new Housekeeping({
      clock,
      logger,
      checkpoints: this.#checkpoints,
      logs: () => this.logs(),
      budgetMs: options.housekeepingMs ?? defaultHousekeepingMs,
    });
  }

  get path(): string {
    return this.#options.path;
  }

  /** Empty until the node has joined a cluster. */
  get clusterId(): string {
    return this.#meta.clusterId;
  }

  get nodeId(): number {
    return this.#meta.nodeId;
  }

  /** Names this disk's content: a node that comes back with another one has lost what it promised. */
  get directoryId(): string {
    return this.#meta.directoryId;
  }

  /** How the last process that used this directory stopped; undefined when it did not stop in order. */
  get cleanStop(): CleanStop | undefined {
    return this.#cleanStop;
  }

  get freeBytes(): number {
    return this.#space.freeBytes;
  }

  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const { log } of this.#logs.values()) sizeBytes += log.sizeBytes;
    return sizeBytes;
  }

  get openFileCount(): number {
    return this.#pool.openCount;
  }

  /** Throws when the partition is there and cannot be served; undefined when it is not there. */
  log(topic: string, partition: number): PartitionLog | undefined {
    const name = partitionDirectoryName({ topic, partition });
    const offline = this.#offline.get(name);
    if (offline !== undefined) throw offline.reason;
    return this.#logs.get(name)?.log;
  }

  logs(): readonly HostedLog[] {
    return [...this.#logs.values()];
  }

  /** Partitions whose directories cannot be read as what they are; see also `PartitionLog.isOffline`. */
  offlinePartitions(): readonly OfflinePartition[] {
    return [...this.#offline.values()];
  }

  /** Logs that nobody asks for, by the metadata: to be shown to a person, and kept. */
  orphans(isKnown: (hosted: HostedLog) => boolean): readonly HostedLog[] {
    return this.logs().filter((hosted) => !isKnown(hosted));
  }

  /** As noted before the last stop, and never past what the log holds now: a place to start from, nothing to cut by. */
  highWatermark(topic: string, partition: number): number {
    const log = this.log(topic, partition);
    return Math.min(this.#checkpoints.highWatermark({ topic, partition }), log?.endOffset ?? 0);
  }

  /** Creates a partition's log, or finds it there already. */
  createLog(request: NewLog): Promise<PartitionLog> {
    return this.#change(request, () => this.#createLog(request));
  }

  /** Deletes a partition's log; resolves when it can no longer come back. Nothing happens when it is not there. */
  deleteLog(request: DeletedLog): Promise<void> {
    return this.#change(request, () => this.#deleteLog(request));
  }

  /**
   * One bounded step of retention, compaction and checkpoints. The function is kept for the checkpoint at `close`.
   */
  housekeeping(highWatermarkOf: HighWatermarkOf): Promise<void> {
    this.#assertOpen();
    this.#highWatermarkOf = highWatermarkOf;
    return this.#housekeeping.step(highWatermarkOf);
  }

  /** Resolves when the directories of deleted partitions are gone. */
  removalsDone(): Promise<void> {
    return this.#removal.idle();
  }

  /** The node has become part of a cluster: its directory says so from now on. Throws when it is that of another. */
  async joinCluster(clusterId: string): Promise<void> {
    this.#meta = await joinCluster(this.#environment.files, { path: this.path, meta: this.#meta, clusterId });
  }

  /** Syncs and closes every log, writes checkpoints and, when all of that went well, the clean-stop mark. */
  close(options: { readonly brokerEpoch?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.brokerEpoch ?? -1);
    return this.#closing;
  }

  async #openLogs(): Promise<void> {
    const { files, logger } = this.#environment;
    const names: PartitionName[] = [];
    for (const text of files.list(this.path)) {
      if (files.stat(`${this.path}/${text}`)?.isDirectory !== true) continue;
      const name = parsePartitionDirectoryName(text);
      if (name !== undefined) names.push(name);
      else if (isDeletedDirectoryName(text)) this.#removal.add(`${this.path}/${text}`);
      else logger.warn('kept a directory that is not a partition', { directory: `${this.path}/${text}` });
    }
    await inParallel(names, this.#parallelism, (name) => this.#openFound(name));
    logger.info('opened the data directory', {
      path: this.path,
      logs: this.#logs.size,
      offline: this.#offline.size,
      cleanStop: this.#cleanStop !== undefined,
    });
  }

  async #openFound(name: PartitionName): Promise<void> {
    const { files, logger } = this.#environment;
    const directory = this.#directoryOf(name);
    try {
      const topicId = readPartitionMetadata(files, directory);
      if (topicId !== undefined) {
        await this.#openLog({ ...name, topicId, config: this.#options.config ?? defaultLogConfig });
      } else if (hasSegments(files, directory)) {
        throw new MillraceError(
          'KAFKA_STORAGE_ERROR',
          `${directory} has segments but no readable partition.metadata, so nobody can say which topic they are of. ` +
            'Restore that file ("version: 0" and "topic_id: ..."), or move the directory away',
        );
      } else {
        logger.info('a partition was not wholly created before the last stop', { directory });
        this.#removeBeginnings(directory);
      }
    } catch (error) {
      this.#setOffline(name, error);
    }
  }

  /** It holds nothing yet. If the partition is still to be here it is created anew; else nobody would ever remove it. */
  #removeBeginnings(directory: string): void {
    const { files, logger } = this.#environment;
    try {
      const names = files.list(directory);
      if (!names.every((name) => name.endsWith('.tmp'))) return;
      for (const name of names) files.removeFile(`${directory}/${name}`);
      files.removeDirectory(directory);
    } catch (error) {
      logger.warn('cannot remove what was begun of a partition', { directory, error: errorMessage(error) });
    }
  }

  async #openLog(request: NewLog): Promise<PartitionLog> {
    const log = await PartitionLog.open(this.#environment, {
      directory: this.#directoryOf(request),
      topicId: request.topicId,
      partition: request.partition,
      config: request.config,
      filePool: this.#pool,
      memory: this.#memory,
      ...(isInternal(request.topic) ? {} : { admit: (bytes: number) => this.#space.admit(bytes) }),
      checkpoints: this.#checkpoints.forLog(request),
      recoveryPoint: this.#checkpoints.recoveryPoint(request),
      startOffset: this.#checkpoints.startOffset(request),
      cleanShutdown: this.#cleanStop !== undefined,
    });
    const { topic, partition, topicId } = request;
    this.#logs.set(partitionDirectoryName(request), { topic, partition, topicId, log });
    return log;
  }

  async #createLog(request: NewLog): Promise<PartitionLog> {
    const { files } = this.#environment;
    const existing = this.#hosted(request);
    if (existing !== undefined) {
      existing.log.setConfig(request.config);
      return existing.log;
    }
    const directory = this.#directoryOf(request);
    await this.#checkpoints.forget(request);
    files.makeDirectory(directory);
    await writePartitionMetadata(files, directory, request.topicId);
    await files.syncDirectory(this.path);
    const log = await this.#openLog(request);
    if (log.offlineReason === undefined) return log;
    this.#logs.delete(partitionDirectoryName(request));
    await log.close();
    throw log.offlineReason;
  }

  async #deleteLog(request: DeletedLog): Promise<void> {
    const { files, logger } = this.#environment;
    const existing = this.#hosted(request);
    if (existing === undefined) return;
    const from = this.#directoryOf(request);
    const to = `${this.path}/${deletedDirectoryName(request, request.topicId)}`;
    this.#logs.delete(partitionDirectoryName(request));
    try {
      await existing.log.close();
    } catch (error) {
      logger.warn('a log that is being deleted did not close in order', {
        directory: from,
        error: errorMessage(error),
      });
    }
    try {
      files.rename(from, to);
      await files.syncDirectory(this.path);
    } catch (error) {
      this.#setOffline(request, error);
      throw error;
    }
    this.#removal.add(to);
    await this.#checkpoints.forget(request);
  }

  /** The log by name; throws when it is offline or of another topic that had this name. */
  #hosted(request: DeletedLog): HostedLog | undefined {
    const name = partitionDirectoryName(request);
    const offline = this.#offline.get(name);
    if (offline !== undefined) throw offline.reason;
    const hosted = this.#logs.get(name);
    if (hosted !== undefined && hosted.topicId !== request.topicId) {
      throw new MillraceError(
        'INCONSISTENT_TOPIC_ID',
        `${name} belongs to the topic with id ${hosted.topicId}, not to ${request.topicId}: the topic was deleted and ` +
          'created again under its old name. Refresh the metadata',
      );
    }
    return hosted;
  }

  async #close(brokerEpoch: number): Promise<void> {
    const { files, logger } = this.#environment;
    await Promise.allSettled(this.#changes.values());
    await this.#housekeeping.stop();
    await this.#removal.stop();
    let isClean = this.#offline.size === 0;
    await inParallel(this.#logs.values(), this.#parallelism, async (hosted) => {
      const highWatermark = this.#highWatermarkOf?.(hosted);
      try {
        await hosted.log.close();
        isClean &&= !hosted.log.isOffline && hosted.log.recoveryPoint === hosted.log.endOffset;
        this.#checkpoints.note(hosted, highWatermark);
      } catch (error) {
        isClean = false;
        logger.error('a log did not close in order', { directory: hosted.log.directory, error: errorMessage(error) });
      }
    });
    try {
      await this.#checkpoints.save();
      if (isClean) await writeCleanStopMark(files, this.path, { brokerEpoch });
    } finally {
      this.#lock.release();
    }
    logger.info('closed the data directory', { path: this.path, isClean });
  }

  #change<Result>(name: PartitionName, work: () => Promise<Result>): Promise<Result> {
    this.#assertOpen();
    const key = partitionDirectoryName(name);
    const before = this.#changes.get(key);
    const change = before === undefined ? work() : Promise.allSettled([before]).then(work);
    this.#changes.set(key, change);
    const forget = (): void => {
      if (this.#changes.get(key) === change) this.#changes.delete(key);
    };
    change.then(forget, forget);
    return change;
  }

  #setOffline(name: PartitionName, error: unknown): void {
    const directory = this.#directoryOf(name);
    const reason =
      error instanceof MillraceError
        ? error
        : new MillraceError('KAFKA_STORAGE_ERROR', `cannot open ${directory}: ${errorMessage(error)}`, {
            cause: error,
          });
    this.#environment.logger.error('a partition is offline', { directory, error: reason.message });
    this.#offline.set(partitionDirectoryName(name), { ...name, reason });
  }

  #assertOpen(): void {
    assert(this.#closing === undefined, 'the data directory is closed');
  }

  #directoryOf(name: PartitionName): string {
    return `${this.path}/${partitionDirectoryName(name)}`;
  }

  get #parallelism(): number {
    return this.#options.parallelism ?? defaultParallelism;
  }
}

async function lockDirectory(files: FileSystem, path: string): Promise<FileLock> {
  try {
    await makeDirectories(files, path);
    return files.lock(`${path}/.lock`);
  } catch (error) {
    throw error instanceof MillraceError ? error : unreachableDirectory(path, error);
  }
}

/** Node state and coordinators: they may use what is kept free, or nobody could free more. */
function isInternal(topic: string): boolean {
  return topic.startsWith('__');
}

function hasSegments(files: FileSystem, directory: string): boolean {
  return files
    .list(directory)
    .some((name) => name.endsWith('.log') && (files.stat(`${directory}/${name}`)?.sizeBytes ?? 0) > 0);
}
