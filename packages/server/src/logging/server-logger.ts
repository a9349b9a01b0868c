/** The logger of a server process. Loaded when it is made: an embedded node has its own, or none. */
import { type Logger, silentLogger } from '@millrace/base';

export interface ServerLoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** `pretty` is for people, `json` for programs: one object per line. */
  readonly format: 'pretty' | 'json';
  readonly colorize?: boolean;
  /** Default: standard error. */
  readonly destination?: { write(line: string): void };
}

export async function serverLogger(options: ServerLoggerOptions): Promise<Logger> {
  if (options.level === 'silent') return silentLogger;
  const { pinoLogger } = await import('./pino-logger.js');
  return pinoLogger({ ...options, level: options.level });
}
