import { MillraceError } from '@millrace/base';
import type { VoterAddress } from './quorum-options.js';

/** `NOT_CONTROLLER`, and who to ask instead. */
export class NotControllerError extends MillraceError {
  /** -1: not known. */
  readonly leaderId: number;

  constructor(message: string, leaderId: number, cause?: unknown) {
    super('NOT_CONTROLLER', message, { retriable: true, cause });
    this.leaderId = leaderId;
  }
}

export interface NotController {
  readonly nodeId: number;
  /** -1: not known. */
  readonly leaderId: number;
  readonly address: VoterAddress | undefined;
  /** Of a command that was under way; undefined: it was refused at once. */
  readonly cause: unknown;
}

export function notController({ nodeId, leaderId, address, cause }: NotController): NotControllerError {
  const where = address === undefined ? '' : ` at ${address.host}:${address.port}`;
  const known = leaderId === nodeId ? 'it is about to be' : `node ${leaderId}${where} is`;
  const who = leaderId === -1 ? 'which one is, is not known' : known;
  const outcome = cause === undefined ? '' : ' What was asked before may be done or not.';
  return new NotControllerError(`Node ${nodeId} is not the active controller; ${who}.${outcome}`, leaderId, cause);
}
