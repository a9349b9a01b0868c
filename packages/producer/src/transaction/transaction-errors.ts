/** The errors of transactions: what happened, and what to do. */
import { errorCode, errorMessage, MillraceError } from '@millrace/base';

export function fenced(transactionalId: string, cause: unknown): MillraceError {
  const what = `Another producer with transactional id ${transactionalId} has started since, and its transactions count`;
  return new MillraceError('PRODUCER_FENCED', `${what}: this one can do nothing more. Close it.`, { cause });
}

/** It was committed or aborted, and nobody here can find out which. */
export function fencedUnknown(transactionalId: string, cause: unknown): MillraceError {
  return new MillraceError(
    'PRODUCER_FENCED',
    `Another producer with transactional id ${transactionalId} has started while the transaction was being committed, ` +
      'and an attempt to commit it went unanswered: it may or may not be committed. Read what was written to find out, ' +
      'and close this producer.',
    { cause },
  );
}

/** As `fencedUnknown`: here nobody is left who could ask. */
export function closedUnknown(cause: unknown): MillraceError {
  return new MillraceError(
    'PRODUCER_CLOSED',
    'The producer was closed before the coordinator had answered whether the transaction is committed: it may or may not ' +
      'be committed. Read what was written to find out.',
    { cause },
  );
}

export function unusable(transactionalId: string, cause: unknown): MillraceError {
  return new MillraceError(
    errorCode(cause),
    `The producer with transactional id ${transactionalId} cannot go on: ${errorMessage(cause)} Close it, and make another.`,
    { cause },
  );
}

export function abortedByCluster(transactionTimeoutMs: number, cause: unknown): MillraceError {
  return new MillraceError(
    'TRANSACTION_ABORTABLE',
    `The transaction was aborted by the cluster: nothing of it counts. It was open for longer than transactionTimeoutMs ` +
      `(${transactionTimeoutMs}), or an operator has ended it. Do it again.`,
    { cause },
  );
}

export function abortedForFailure(failure: MillraceError): MillraceError {
  return new MillraceError(failure.code, `The transaction was aborted, nothing of it counts: ${failure.message}`, {
    retriable: failure.retriable,
    cause: failure,
  });
}

export function canOnlyBeAborted(failure: MillraceError): MillraceError {
  return new MillraceError(
    'TRANSACTION_ABORTABLE',
    `The transaction can only be aborted, because something of it has failed: ${failure.message}`,
    { cause: failure },
  );
}

export function commitUnknown(cause: unknown): MillraceError {
  return new MillraceError(
    'REQUEST_TIMED_OUT',
    `Whether the transaction is committed is unknown: the coordinator has not answered in time. Call commit() again to ` +
      `find out; nothing else can be begun before. Last error: ${errorMessage(cause)}`,
    { retriable: true, cause },
  );
}

export function abortUnfinished(cause: unknown): MillraceError {
  return new MillraceError(
    'REQUEST_TIMED_OUT',
    `The transaction is not committed, but the coordinator has not taken its end in time: call abort() again, or begin ` +
      `another. Last error: ${errorMessage(cause)}`,
    { retriable: true, cause },
  );
}

export function wrongState(message: string): MillraceError {
  return new MillraceError('INVALID_TXN_STATE', message);
}

export function userAbort(): MillraceError {
  return new MillraceError('TRANSACTION_ABORTABLE', 'The transaction was aborted before the record was acknowledged.');
}
