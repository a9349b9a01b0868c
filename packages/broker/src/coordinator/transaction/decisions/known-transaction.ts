/** Whose request it is: of the transaction that is open, of the one before, or of a producer that was replaced. */
import { protocolError } from '@millrace/protocol';
import type { MillraceError } from '@millrace/base';
import type { ProducerIdentity, TransactionsState, TransactionState } from '../transaction-state.js';

export function knownTransaction(transactions: TransactionsState, transactionalId: string): TransactionState {
  const state = transactions.get(transactionalId);
  if (state !== undefined) return state;
  throw protocolError(
    'INVALID_PRODUCER_ID_MAPPING',
    `The transactional id ${JSON.stringify(transactionalId)} is not known: it was unused for so long that it was forgotten. Begin anew with InitProducerId.`,
  );
}

/** What to say to a producer that has neither the current identity nor the last one. */
export function strangerError(state: TransactionState, identity: ProducerIdentity): MillraceError {
  const { transactionalId, current, last } = state;
  const { producerId, producerEpoch } = identity;
  const name = JSON.stringify(transactionalId);
  if (producerId !== current.producerId && producerId !== last?.producerId) {
    return protocolError(
      'INVALID_PRODUCER_ID_MAPPING',
      `Producer id ${producerId} does not belong to the transactional id ${name}: begin anew with InitProducerId.`,
    );
  }
  return protocolError(
    'PRODUCER_FENCED',
    `Epoch ${producerEpoch} of producer ${producerId} is over: another producer has taken over the transactional id ${name}. Close this one.`,
  );
}
