/**
 * What one load does, checked as a whole: the entries of a workload file, the flags of `millrace perf` and the message to a
 * load's process are all this. A load may be shared by several processes; `records` and `rate` are of all of them together.
 */
import { MillraceError } from '@millrace/base';
import { z } from 'zod';

const name = z.string().min(1).max(100).optional();
const processes = z.int().min(1).max(256).default(1);
const count = z.int().min(0);
const records = z.int().min(1);
const seconds = z.number().positive().max(86_400);

const produceSpec = z
  .strictObject({
    kind: z.literal('produce'),
    name,
    processes,
    /** Ends after so many records, or after so long, whichever comes first. */
    records: records.optional(),
    seconds: seconds.optional(),
    /** Records a second on a fixed schedule; 0: as fast as they are acknowledged. */
    rate: z.number().min(0).max(100_000_000).default(0),
    recordBytes: z
      .int()
      .min(1)
      .max(8 * 1024 * 1024)
      .default(100),
    payload: z.union([z.enum(['random', 'json']), z.strictObject({ file: z.string().min(1) })]).default('random'),
    /** How many different keys; 0: records have none. */
    keys: z.int().min(0).max(1_000_000).default(0),
    /** Exponent of Zipf's law for the keys; 0: each comes as often as the others. */
    skew: z.number().min(0).max(10).default(0),
    acks: z.enum(['all', '1', '0']).default('all'),
    compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
    batchBytes: z
      .int()
      .min(256)
      .max(16 * 1024 * 1024)
      .optional(),
    lingerMs: z.number().min(0).max(60_000).default(0),
    warmupRecords: count.default(0),
    /** So many records make a transaction, and count once it is committed; 0: no transactions. */
    transactionRecords: z.int().min(0).max(1_000_000).default(0),
    /** Puts the moment at which each record was due into its first 8 bytes, from which readers tell its latency. */
    stamp: z.boolean().default(false),
  })
  .refine((spec) => spec.records !== undefined || spec.seconds !== undefined, {
    error: 'a produce load needs records or seconds: when does it end?',
  })
  .refine((spec) => !spec.stamp || (spec.payload === 'random' && spec.recordBytes >= 8), {
    error: 'stamp needs the random payload and at least 8 recordBytes, because it is written into the value',
    path: ['stamp'],
  })
  .refine((spec) => spec.transactionRecords === 0 || spec.acks === 'all', {
    error: 'transactions need acks all',
    path: ['transactionRecords'],
  })
  .refine((spec) => spec.skew === 0 || spec.keys > 0, { error: 'skew needs keys: 1 or more', path: ['skew'] });

const consumeSpec = z.strictObject({
  kind: z.literal('consume'),
  name,
  processes,
  /** Ends after so many or after so long; without, when the loads that write have ended and nothing came for a second. */
  records: records.optional(),
  seconds: seconds.optional(),
  from: z.enum(['beginning', 'end']).default('beginning'),
  /** Processes of one group share the partitions; without one, each process reads everything. */
  group: z.string().min(1).optional(),
  isolation: z.enum(['read-committed', 'read-uncommitted']).default('read-committed'),
  /** Begins so long after the others: with `from: beginning`, a reader that has to catch up. */
  startAfterSeconds: z.number().min(0).max(86_400).default(0),
  /** Waits so long after each batch: a slow reader. */
  pauseMsPerBatch: z.number().min(0).max(60_000).default(0),
  warmupRecords: count.default(0),
});

const latencySpec = z.strictObject({
  kind: z.literal('latency'),
  name,
  processes: z.literal(1).default(1),
  records,
  rate: z.number().min(1).max(10_000_000),
  recordBytes: z
    .int()
    .min(1)
    .max(8 * 1024 * 1024)
    .default(100),
  payload: z.union([z.enum(['random', 'json']), z.strictObject({ file: z.string().min(1) })]).default('random'),
  acks: z.enum(['all', '1', '0']).default('all'),
  compression: z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
  batchBytes: z.int().optional(),
  lingerMs: z.number().min(0).max(60_000).default(0),
  warmupRecords: count.default(0),
});

export const loadSpec = z.discriminatedUnion('kind', [produceSpec, consumeSpec, latencySpec]);

export type ProduceSpec = z.output<typeof produceSpec>;
export type ConsumeSpec = z.output<typeof consumeSpec>;
export type LatencySpec = z.output<typeof latencySpec>;
export type LoadSpec = z.output<typeof loadSpec>;

/** `what` names where the value came from. */
export function parseSpec<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.map(String).join('.')}`;
  throw new MillraceError('INVALID_CONFIG', `${what}${at}: ${issue?.message ?? 'wrong shape'}`);
}

/** What each process of a load has to do, so that together they do what the load says. */
export function shareOf(spec: LoadSpec, index: number): LoadSpec {
  const { processes } = spec;
  if (processes === 1) return spec;
  const part = (total: number): number => Math.floor(total / processes) + (index < total % processes ? 1 : 0);
  if (spec.kind === 'produce')
    return {
      ...spec,
      processes: 1,
      ...(spec.records === undefined ? {} : { records: Math.max(1, part(spec.records)) }),
      rate: spec.rate / processes,
      warmupRecords: part(spec.warmupRecords),
    };
  return { ...spec, processes: 1 };
}
