/**
 * The `millrace` program: turns arguments into one command, the command's outcome into an exit code.
 *
 *     0  done
 *     1  the operation failed: one line on standard error, with the error's name
 *     2  bad usage
 *
 * SIGINT and SIGTERM abort the command's signal; commands stop cleanly and the exit code is that of what they had done.
 * A second signal ends the process at once.
 */
import { CommanderError } from 'commander';
import { errorCode, errorMessage, MillraceError } from '@millrace/base';
import { createProgram } from './program.js';
import { UsageError } from './options.js';

export async function main(args: readonly string[]): Promise<number> {
  const interrupted = abortOnSignals();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of our output went away (`| head`): nobody is left to write for.
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  try {
    await createProgram({ signal: interrupted }).parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    controller.abort(new MillraceError('INTERRUPTED', `Stopped by ${signal}`));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

function report(thrown: unknown): number {
  const error = original(thrown);
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    process.stderr.write(`millrace: ${error.message}\n`);
    return 2;
  }
  if (errorCode(error) === 'INTERRUPTED') return 0;
  const message = errorMessage(error).replaceAll(/\s*\n\s*/g, ' ');
  const code = errorCode(error);
  process.stderr.write(code === 'UNKNOWN' ? `millrace: ${message}\n` : `millrace: ${code}: ${message}\n`);
  if (code === 'UNKNOWN' || code === 'ASSERTION_FAILED') process.stderr.write(`${(error as Error).stack ?? ''}\n`);
  return 1;
}

/** What went wrong first, when closing things afterwards failed as well. */
function original(error: unknown): unknown {
  return error instanceof Error && 'suppressed' in error ? original(error.suppressed) : error;
}
