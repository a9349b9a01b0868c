/** A child process that runs the seeds it is told to, one after another. */
import { loadCompression } from '@millrace/record';
import { runSeed, type SeedOptions } from './run-seed.js';
import type { SeedReport } from './seed-report.js';

export interface WorkerRequest extends SeedOptions {
  readonly seed: number;
}

export type WorkerReply = SeedReport | { readonly seed: number; readonly failure: string };

/** Serves until the parent disconnects. */
export async function serveParent(): Promise<void> {
  // Loaded beforehand, so that no run waits for it in real time.
  await loadCompression('zstd');
  process.on('message', (request: WorkerRequest) => {
    runSeed(request.seed, request).then(
      (report) => process.send?.(report),
      (error: unknown) => {
        const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.send?.({ seed: request.seed, failure });
      },
    );
  });
  process.send?.({ seed: -1, failure: 'ready' });
}
