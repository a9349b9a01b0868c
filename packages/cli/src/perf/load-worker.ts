/** `millrace perf worker`: a part of a load, as told by the `millrace perf` that started this process. */
import { on } from 'node:events';
import { errorCode, errorMessage } from '@millrace/base';
import { UsageError } from '../options.js';
import type { FromLoad, ToLoad } from './load-messages.js';
import { LocalLoad } from './local-load.js';

const progressEveryMs = 500;

export async function loadWorker(abort: AbortSignal): Promise<void> {
  if (process.send === undefined) throw new UsageError('perf worker is started by the other perf commands only');
  // Whom we work for is gone: nobody would end us.
  process.once('disconnect', () => process.exit(1));
  let load: LocalLoad | undefined;
  let running: Promise<void> | undefined;
  try {
    for await (const [message] of on(process, 'message', { signal: abort }) as AsyncIterable<[ToLoad]>) {
      if (message.type === 'prepare') {
        load = new LocalLoad(message.spec, message);
        await load.prepare(abort);
        tell({ type: 'prepared' });
      } else if (message.type === 'run' && load !== undefined) running = run(load, abort).catch(fail);
      else load?.writersDone();
    }
  } catch (error) {
    fail(error);
  } finally {
    await running;
    await load?.[Symbol.asyncDispose]();
    process.disconnect();
  }
}

async function run(load: LocalLoad, abort: AbortSignal): Promise<void> {
  const timer = setInterval(
    () => tell({ type: 'progress', records: load.records, bytes: load.bytes }),
    progressEveryMs,
  );
  try {
    tell({ type: 'done', result: await load.run(abort) });
  } finally {
    clearInterval(timer);
  }
}

function fail(error: unknown): void {
  tell({ type: 'failed', code: errorCode(error), message: errorMessage(error) });
}

function tell(message: FromLoad): void {
  if (process.connected) process.send?.(message);
}
