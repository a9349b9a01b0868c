/**
 * In a compacted topic a record is found by its key, and replaced by the next one that has it: a record without a key
 * would stay for ever. It is refused when it is sent, the only time that the broker decodes records.
 */
import { errorMessage, MillraceError, type Logger } from '@millrace/base';
import { type BatchView, loadCompression } from '@millrace/record';
import { RawRecords } from './raw-records.js';

/** A batch that grows beyond this is refused: nobody could compact it. */
const maxDecompressedBytes = 64 * 1024 * 1024;

/** The codec that some versions of Node.js must load is shared by all logs, and so is whether it is there. */
let isLoaded = false;

/** To be called before `requireKeys` is: for as long as it takes, batches that need it are refused, to be sent again. */
export function prepareToRequireKeys(logger: Logger): void {
  if (isLoaded) return;
  loadCompression('zstd').then(
    () => {
      isLoaded = true;
    },
    (error: unknown) => {
      logger.error('cannot load zstd: compacted topics refuse batches compressed with it', {
        error: errorMessage(error),
      });
    },
  );
}

/** Throws `INVALID_RECORD` unless every record has a key. */
export function requireKeys(batch: BatchView): void {
  if (batch.compression === 'zstd' && !isLoaded) {
    throw new MillraceError(
      'LEADER_NOT_AVAILABLE',
      'zstd is being loaded to check the records of a compacted topic: send them again',
      {
        retriable: true,
      },
    );
  }
  const records = RawRecords.over(batch, maxDecompressedBytes);
  if (records === undefined) {
    throw new MillraceError(
      'INVALID_RECORD',
      'A batch was refused: its records cannot be read, or grow too large, and the topic is compacted (cleanup.policy) by their keys',
    );
  }
  for (let index = 0; records.next(); index++) {
    if (records.key !== undefined) continue;
    throw new MillraceError(
      'INVALID_RECORD',
      `A batch was refused: its record ${index} has no key, and the topic is compacted (cleanup.policy). Give each record a key`,
    );
  }
}
