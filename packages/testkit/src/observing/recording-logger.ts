import type { LogFields, Logger } from '@millrace/base';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** Only the newest lines are kept, so that a long simulation does not fill the heap. */
const linesMax = 10_000;

/** Keeps what was logged, by itself and by its children, in one list. */
export interface RecordingLogger extends Logger {
  readonly lines: readonly LogLine[];
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  return Object.assign(loggerInto(lines, {}), { lines });
}

function loggerInto(lines: LogLine[], inherited: LogFields): Logger {
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...inherited, ...fields } });
      if (lines.length > linesMax) lines.splice(0, linesMax / 2);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerInto(lines, { ...inherited, ...fields }),
  };
}
