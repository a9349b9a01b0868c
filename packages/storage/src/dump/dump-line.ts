/** What a dump shows, one object a line. */
import type { Compression, LogRecord, TimestampType } from '@millrace/record';

export interface BatchLine {
  readonly kind: 'batch';
  readonly file: string;
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
  readonly leaderEpoch: number;
  readonly compression: Compression;
  readonly timestampType: TimestampType;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly crc: number;
}

/** `record` is a view of memory that the next line may use again. */
export interface RecordLine {
  readonly kind: 'record';
  readonly file: string;
  readonly isControl: boolean;
  readonly record: LogRecord;
}

export interface OffsetEntryLine {
  readonly kind: 'offset-entry';
  readonly file: string;
  readonly offset: number;
  readonly position: number;
}

export interface TimeEntryLine {
  readonly kind: 'time-entry';
  readonly file: string;
  readonly timestampMs: number;
  readonly offset: number;
}

/** Something that is not as it must be; `position` is where in the file it begins. */
export interface DumpProblem {
  readonly file: string;
  readonly position: number;
  readonly problem: string;
}

export interface ProblemLine extends DumpProblem {
  readonly kind: 'problem';
}

/** The last line. */
export interface SummaryLine {
  readonly kind: 'summary';
  readonly files: number;
  readonly batches: number;
  readonly records: number;
  /** Of whole batches. */
  readonly bytes: number;
  /** The first hundred problems; `problemCount` counts all. */
  readonly problems: readonly DumpProblem[];
  readonly problemCount: number;
}

export type DumpLine = BatchLine | RecordLine | OffsetEntryLine | TimeEntryLine | ProblemLine | SummaryLine;
