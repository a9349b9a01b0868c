/**
 * Our logger interface over pino. Lines are written synchronously by this thread: they are few, and the last ones
 * before a crash are the ones that matter.
 */
import type { LogFields, Logger } from '@millrace/base';
import {
  type DestinationStream,
  destination as fileDestination,
  pino,
  stdTimeFunctions,
  type Logger as Pino,
} from 'pino';
import type { ServerLoggerOptions } from './server-logger.js';

export async function pinoLogger(options: ServerLoggerOptions): Promise<Logger> {
  const destination = options.destination ?? fileDestination({ fd: 2, sync: true });
  const stream = options.format === 'json' ? destination : await prettyStream(destination, options.colorize ?? false);
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new PinoLogger(pino(settings, stream));
}

/** Loaded only when people read along. */
async function prettyStream(destination: DestinationStream, colorize: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  return {
    write: (line) => {
      destination.write(format(line));
    },
  };
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(target: Pino) {
    this.#pino = target;
  }

  debug(message: string, fields?: LogFields): void {
    this.#pino.debug(fields ?? {}, message);
  }

  info(message: string, fields?: LogFields): void {
    this.#pino.info(fields ?? {}, message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#pino.warn(fields ?? {}, message);
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(fields ?? {}, message);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child({ ...fields }));
  }
}
