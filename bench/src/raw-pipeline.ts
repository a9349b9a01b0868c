/** What the machine can do with the same bytes and no protocol: the yardstick beside every throughput figure. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchScript, runChild, startChild } from './child.js';

export interface RawPipelineOptions {
  readonly totalBytes: number;
  readonly batchBytes: number;
  readonly inFlight: number;
}

export interface RawPipelineResult {
  readonly produceMbPerSecond: number;
  readonly consumeMbPerSecond: number;
}

export async function measureRawPipeline({
  totalBytes,
  batchBytes,
  inFlight,
}: RawPipelineOptions): Promise<RawPipelineResult> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-raw-'));
  const server = await startChild(benchScript('raw-server'), [join(directory, 'raw.log')]);
  try {
    const { produceSeconds, consumeSeconds } = await runChild<{ produceSeconds: number; consumeSeconds: number }>(
      benchScript('raw-client'),
      [server.firstLine, String(totalBytes), String(batchBytes), String(inFlight)],
    );
    return {
      produceMbPerSecond: totalBytes / produceSeconds / 1e6,
      consumeMbPerSecond: totalBytes / consumeSeconds / 1e6,
    };
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}
