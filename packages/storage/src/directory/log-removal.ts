/**
 * Removes the directories of deleted partitions, one file at a time with other work in between: giving the blocks of a
 * large file back takes the file system a while, and the event loop stands still meanwhile.
 *
 * A directory is here because it was renamed to `*-delete`, durably. What a stop leaves over is found by that name and
 * removed after the next start.
 */
import { errorMessage, type Clock, type FileSystem, type Logger } from '@millrace/base';

export interface LogRemovalOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called after a directory is gone. */
  readonly onRemoved: () => void;
}

export class LogRemoval {
  readonly #options: LogRemovalOptions;
  readonly #queue: string[] = [];
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: LogRemovalOptions) {
    this.#options = options;
  }

  add(directory: string): void {
    this.#queue.push(directory);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is left to remove, or after `stop`. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends after the file at hand. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.idle();
  }

  async #run(): Promise<void> {
    await this.#turn();
    for (let directory = this.#queue.shift(); directory !== undefined; directory = this.#queue.shift()) {
      if (this.#isStopped) break;
      try {
        await this.#remove(directory);
      } catch (error) {
        this.#options.logger.error('cannot remove a deleted partition: it is tried again after the next start', {
          directory,
          error: errorMessage(error),
        });
      }
    }
    this.#running = undefined;
  }

  async #remove(directory: string): Promise<void> {
    const { files, logger, onRemoved } = this.#options;
    for (const name of files.list(directory)) {
      if (this.#isStopped) return;
      const path = `${directory}/${name}`;
      if (files.stat(path)?.isDirectory === true) continue;
      files.removeFile(path);
      await this.#turn();
    }
    files.removeDirectory(directory);
    logger.info('removed a deleted partition', { directory });
    onRemoved();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.nextTurn(resolve);
    });
  }
}
