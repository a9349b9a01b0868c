/**
 * `npm start`: a node, real data through it, a check that nothing was lost, and then a node to play with.
 *
 *     npm start                      serves on 127.0.0.1:7400 until Ctrl-C
 *     npm start -- --once            ends after the check
 *     npm start -- --flights 1000000 streams more of the data set
 */
import { Command } from 'commander';
import { errorCode, errorMessage } from '@millrace/base';
import { startServer } from '@millrace/server';
import { Admin } from 'millrace';
import pc from 'picocolors';
import { flightsMax } from './start/flights.js';
import { streamFlights } from './start/stream-flights.js';

interface StartOptions {
  readonly once: boolean;
  readonly data: string;
  readonly client: string;
  readonly http: string;
  readonly flights: number;
}

const options = new Command('npm start --')
  .description('start a node and stream real flights through it')
  .option('--once', 'end after the check instead of serving on', false)
  .option('--data <dir>', 'data directory', './data')
  .option('--client <host:port>', 'address for clients', '127.0.0.1:7400')
  .option('--http <host:port>', 'address for health and metrics', '127.0.0.1:7480')
  .option(
    '--flights <n>',
    `how many flights, up to ${flightsMax}`,
    (text) => Math.min(flightsMax, Number(text)),
    200_000,
  )
  .parse()
  .opts<StartOptions>();

try {
  process.exitCode = await start();
} catch (error) {
  process.stderr.write(`${pc.red('Millrace could not start.')} ${errorCode(error)}: ${errorMessage(error)}\n`);
  process.exitCode = 1;
}

async function start(): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());

  const startedMs = performance.now();
  await using server = await startServer({ dataDir: options.data, client: options.client, http: options.http });
  say(
    `${pc.bold('Millrace')} node ready in ${Math.round(performance.now() - startedMs)} ms, data in ${options.data}\n`,
  );

  await using admin = new Admin({ bootstrap: server.bootstrap });
  const passed = await streamFlights({
    bootstrap: server.bootstrap,
    admin,
    flights: options.flights,
    signal: stopped.signal,
  });
  if (options.once || stopped.signal.aborted) return passed ? 0 : 1;

  say(`
Clients    ${pc.cyan(server.bootstrap)}
Health     ${pc.cyan(`http://${options.http}/health/ready`)}
Metrics    ${pc.cyan(`http://${options.http}/metrics`)}

Try in another terminal:
  npx millrace topic describe flights
  npx millrace consume flights --from beginning --max-records 5 --json
  npx millrace consume flights --group board --from beginning --max-records 5
  npx millrace group describe board
  echo 'hello' | npx millrace produce greetings
  npx millrace perf produce

Ctrl-C stops the node; what was acknowledged stays in ${options.data}.`);
  await new Promise<void>((resolve) => {
    if (stopped.signal.aborted) resolve();
    else stopped.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  say('\nStopping: syncing what is open.');
  return passed ? 0 : 1;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
