import { MillraceError } from '@millrace/base';

/** `NOT_CONTROLLER`, and who to ask instead. */
export class NotControllerError extends MillraceError {
  /** -1: not known. */
  readonly leaderId: number;

  constructor(message: string, leaderId: number, cause?: unknown) {
    super('NOT_CONTROLLER', message, { retriable: true, cause });
    this.leaderId = leaderId;
  }
}
