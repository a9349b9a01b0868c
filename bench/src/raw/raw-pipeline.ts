/**
 * What the machine can do with the same bytes and no protocol: the yardstick beside every throughput figure.
 *
 * The raw pipeline is one pipeline of three processes that run at the same time, as Millrace's are: a sender, a server
 * that writes, syncs and acknowledges, and a receiver that is sent what is durable. Its two halves are measured too, each
 * with the machine to itself.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchShape } from './batch-shape.js';
import { batchesInFlight } from './batch-shape.js';
import { benchScript, type RunningChild, runChild, startChild } from '../nodes/child.js';
import { type PipelineLoad, type PipelineRun, runPipeline } from './pipeline-run.js';
import type { ProcessSpan } from '../nodes/process-span.js';
import { processUsage } from '../nodes/process-usage.js';

export interface RawRuns {
  readonly whole: PipelineRun;
  /** Sender and server alone: socket to file. */
  readonly produceHalf: PipelineRun;
  /** Server and receiver alone: file, which is in the page cache, to socket. */
  readonly consumeHalf: PipelineRun;
}

export async function measureRawPipeline(shape: BatchShape, load: PipelineLoad): Promise<RawRuns> {
  const { batchBytes, batchRecords } = shape;
  const batches = Math.round(load.records / batchRecords);
  const warmupBatches = Math.round(load.warmupRecords / batchRecords);
  const counted = { records: batches * batchRecords, warmupRecords: warmupBatches * batchRecords };

  const sender = (server: RunningChild) => () =>
    runChild<ProcessSpan>(benchScript('raw/raw-sender'), [
      server.firstLine,
      ...[batchBytes, batchesInFlight, warmupBatches, batches].map(String),
    ]);
  const receiver = (server: RunningChild) => () =>
    runChild<ProcessSpan>(benchScript('raw/raw-receiver'), [
      server.firstLine,
      ...[warmupBatches * batchBytes, batches * batchBytes].map(String),
    ]);

  const whole = await withServer((server) =>
    runPipeline(counted, usageOf(server), { send: sender(server), receive: receiver(server) }),
  );
  const halves = await withServer(async (server) => ({
    produceHalf: await runPipeline(counted, usageOf(server), { send: sender(server) }),
    consumeHalf: await runPipeline(counted, usageOf(server), { receive: receiver(server) }),
  }));
  return { whole, ...halves };
}

function usageOf(server: RunningChild) {
  return () => processUsage(server.process.pid ?? -1);
}

async function withServer<Result>(use: (server: RunningChild) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-raw-'));
  const server = await startChild(benchScript('raw/raw-server'), [join(directory, 'raw.log')]);
  try {
    return await use(server);
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}
