export interface MillraceErrorOptions {
  /** Whether the same call may succeed later without any change by the caller. Never assumed: the default is false. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/**
 * The one base class of every error that Millrace throws or rejects with.
 *
 * `code` is stable and meant for programs (`TOPIC_ALREADY_EXISTS`); `message` is for people and says what happened,
 * to what, and what to do about it.
 */
export class MillraceError extends Error {
  readonly code: string;
  readonly retriable: boolean;

  constructor(code: string, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.retriable = options.retriable ?? false;
  }
}

/** The `code` of any thrown value: a Millrace code, a system code such as `ENOSPC`, or `UNKNOWN`. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'UNKNOWN';
}

/** The message of any thrown value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
