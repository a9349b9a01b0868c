/** A child process that runs the seeds it is told to, one after another. */
import { loadCompression } from '@millrace/record';
import { runSeed, type SeedOptions } from './run-seed.js';
import type { SeedReport } from './seed-report.js';

export interface WorkerRequest extends SeedOptions {
  readonly seed: number;
}

export type WorkerReply = SeedReport | { readonly seed: number; readonly failure: string };

/** Serves until the parent disconnects: one request after another, for seeds must not share a moment. */
export async function serveParent(): Promise<void> {
  // Loaded beforehand, so that no run waits for it in real time.
  await loadCompression('zstd');
  let last = Promise.resolve();
  process.on('message', (request: WorkerRequest) => {
    last = last.then(() => serve(request));
  });
  process.send?.({ seed: -1, failure: 'ready' });
}

async function serve(request: WorkerRequest): Promise<void> {
  let reply: WorkerReply;
  try {
    reply = await runSeed(request.seed, request);
  } catch (error) {
    reply = { seed: request.seed, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(reply);
}
