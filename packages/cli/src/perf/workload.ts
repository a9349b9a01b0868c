/** A workload: a topic and the loads that run on it beside each other, in a JSON file. Read and checked as a whole. */
import { readFileSync } from 'node:fs';
import { errorMessage, MillraceError } from '@millrace/base';
import { z } from 'zod';
import { loadSpec, parseSpec } from './load-spec.js';

const workloadSchema = z.strictObject({
  /** What it shows, for people. */
  about: z.string().optional(),
  topic: z
    .strictObject({
      partitions: z.int().min(1).max(100_000).default(1),
      replicationFactor: z.int().min(1).max(100).optional(),
      configs: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  loads: z.array(loadSpec).min(1).max(64),
});

export type Workload = z.output<typeof workloadSchema>;

export function readWorkload(file: string): Workload {
  const workload = parseSpec(workloadSchema, parseJson(file), file);
  const isWriting = workload.loads.some(({ kind }) => kind !== 'consume');
  const isEndless = workload.loads.some(
    (load) => load.kind === 'consume' && load.records === undefined && load.seconds === undefined,
  );
  if (isEndless && !isWriting)
    throw new MillraceError(
      'INVALID_CONFIG',
      `${file}: a workload that only reads needs records or seconds: when does it end?`,
    );
  return workload;
}

export function parseJson(file: string): unknown {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MillraceError('INVALID_REQUEST', `${file} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MillraceError('INVALID_CONFIG', `${file} is not JSON: ${errorMessage(error)}`, { cause: error });
  }
}
