/** Entries of the log of transactions, and how they are written down: the whole state of one transactional id. */
import { decodeTransactionRecord, encodeTransactionRecord } from '@millrace/protocol';
import { byTopic, keysOf } from '../assignor/topic-partition.js';
import type { EntryCodec } from '../host/entry-codec.js';
import type { ProducerIdentity, TransactionsState, TransactionState } from './transaction-state.js';

/** `value` null takes it away. */
export interface TransactionEntry {
  readonly transactionalId: string;
  readonly value: TransactionState | null;
}

const version = 0;

/** The only way that the state changes. */
export function applyTransactionEntry(
  transactions: TransactionsState,
  { transactionalId, value }: TransactionEntry,
): TransactionsState {
  return value === null ? transactions.without(transactionalId) : transactions.with(transactionalId, value);
}

export const transactionEntryCodec: EntryCodec<TransactionEntry> = {
  encode: ({ transactionalId, value }) =>
    encodeTransactionRecord({ transactionalId, value: value === null ? null : fieldsOf(value) }),
  decode: (key, bytes) => {
    const record = decodeTransactionRecord(key, bytes);
    if (record === undefined) return undefined;
    const { transactionalId, value } = record;
    return { transactionalId, value: value === null ? null : stateOf(transactionalId, value) };
  },
};

type Fields = NonNullable<ReturnType<typeof decodeTransactionRecord>>['value'] & object;

function fieldsOf(state: TransactionState): Fields {
  const { current, last, status, endedBy, timeoutMs, startedMs, updatedMs, metadataPosition, partitions } = state;
  return {
    version,
    ...current,
    lastProducerId: last?.producerId ?? -1,
    lastProducerEpoch: last?.producerEpoch ?? -1,
    state: status,
    endedBy,
    timeoutMs,
    startedMs,
    updatedMs,
    metadataPosition,
    partitions: byTopic(partitions),
  };
}

function stateOf(transactionalId: string, fields: Fields): TransactionState {
  const { producerId, producerEpoch, lastProducerId, lastProducerEpoch, state, partitions, ...rest } = fields;
  const { endedBy, timeoutMs, startedMs, updatedMs, metadataPosition } = rest;
  const last: ProducerIdentity | undefined =
    lastProducerId < 0 ? undefined : { producerId: lastProducerId, producerEpoch: lastProducerEpoch };
  return {
    transactionalId,
    current: { producerId, producerEpoch },
    last,
    status: state,
    endedBy,
    timeoutMs,
    startedMs,
    updatedMs,
    metadataPosition,
    partitions: new Set(keysOf(partitions)),
  };
}
