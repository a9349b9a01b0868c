import { errorCode, MillraceError } from '@millrace/base';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import {
  errorByName,
  errorByNumber,
  errorFromWire,
  errorNumber,
  errorTable,
  noError,
  protocolError,
  wireError,
} from '../src/index.js';
import { thrown } from './thrown.js';

test('names and numbers are unique, in order, and every text is a sentence', () => {
  expect(new Set(errorTable.map(({ name }) => name)).size).toBe(errorTable.length);
  const numbers = errorTable.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  for (const { name, text } of errorTable) {
    expect(name).toMatch(/^[A-Z][A-Z_]+$/);
    expect(text).toMatch(/^[A-Za-z].*\.$/);
    expect(errorByName(name)?.text).toBe(text);
  }
});

/** Where this table follows Kafka's present names, or knowingly another judgement, instead of that client's. */
const newer: Readonly<Record<number, { readonly type?: string; readonly retriable?: boolean }>> = {
  6: { type: 'NOT_LEADER_OR_FOLLOWER' },
  // A node that is gone from the metadata: another may have its place after a refresh.
  8: { retriable: true },
  14: { type: 'COORDINATOR_LOAD_IN_PROGRESS' },
  15: { type: 'COORDINATOR_NOT_AVAILABLE' },
  16: { type: 'NOT_COORDINATOR' },
  // The wanted leader leads already: there is nothing to try again.
  84: { retriable: false },
};

test('below 1000 names, numbers and retries are those of a Kafka client', () => {
  interface KafkaError {
    readonly type: string;
    readonly code: number;
    readonly retriable: boolean;
  }
  const kafkajs = createRequire(import.meta.url)('kafkajs/src/protocol/error.js') as {
    readonly errorCodes: readonly KafkaError[];
  };
  const kafka = new Map(kafkajs.errorCodes.map((error) => [error.code, { ...error, ...newer[error.code] }]));
  const shared = errorTable.filter(({ number }) => number > 0 && kafka.has(number));
  expect(shared.length).toBeGreaterThan(50);
  expect(shared.map(({ number, name, retriable }) => [number, name, retriable])).toEqual(
    shared.map(({ number }) => [number, kafka.get(number)?.type, kafka.get(number)?.retriable]),
  );
});

/** Younger than that client; from the list in Apache Kafka's protocol documentation. */
const youngerErrors: Readonly<Record<number, string>> = {
  89: 'THROTTLING_QUOTA_EXCEEDED',
  90: 'PRODUCER_FENCED',
  94: 'INCONSISTENT_VOTER_SET',
  95: 'INVALID_UPDATE_VERSION',
  100: 'UNKNOWN_TOPIC_ID',
  101: 'DUPLICATE_BROKER_REGISTRATION',
  102: 'BROKER_ID_NOT_REGISTERED',
  103: 'INCONSISTENT_TOPIC_ID',
  104: 'INCONSISTENT_CLUSTER_ID',
  105: 'TRANSACTIONAL_ID_NOT_FOUND',
  107: 'INELIGIBLE_REPLICA',
  108: 'NEW_LEADER_ELECTED',
  110: 'FENCED_MEMBER_EPOCH',
  111: 'UNRELEASED_INSTANCE_ID',
  112: 'UNSUPPORTED_ASSIGNOR',
  113: 'STALE_MEMBER_EPOCH',
  120: 'TRANSACTION_ABORTABLE',
  125: 'INVALID_VOTER_KEY',
  126: 'DUPLICATE_VOTER',
  127: 'VOTER_NOT_FOUND',
  128: 'INVALID_REGULAR_EXPRESSION',
};

test('the younger numbers of Kafka have Kafka’s names too', () => {
  const younger = errorTable.filter(({ number }) => number > 88 && number < 1000);
  expect(Object.fromEntries(younger.map(({ number, name }) => [number, name]))).toEqual(youngerErrors);
});

test('an error survives the way through a reply', () => {
  for (const { name, retriable } of errorTable) {
    const wire = wireError(protocolError(name, `what ${name} means`));
    const back = errorFromWire(wire, 'Produce to orders-0');
    if (name !== 'UNKNOWN_SERVER_ERROR') {
      expect(back).toMatchObject({ code: name, retriable, message: `Produce to orders-0: what ${name} means` });
    }
  }
  expect(errorFromWire(noError, 'x')).toBeUndefined();
});

test('an unexpected error does not tell the peer what it held', () => {
  const wire = wireError(new Error('ENOENT /home/secret'));
  expect(wire.error).toBe(-1);
  expect(wire.message).not.toContain('secret');
  expect(wireError(new MillraceError('NOT_IN_THE_TABLE', '/home/secret')).message).not.toContain('secret');
  expect(errorNumber('a thrown text')).toBe(-1);
});

test('a message of any length fits the wire', () => {
  expect(wireError(protocolError('INVALID_CONFIG', 'x'.repeat(100_000))).message?.length).toBeLessThanOrEqual(4096);
});

test('a number of a newer peer keeps its message and is not retried', () => {
  expect(errorByNumber(12_345)).toBeUndefined();
  expect(errorFromWire({ error: 12_345, message: null }, 'Fetch')).toMatchObject({
    code: 'UNKNOWN_SERVER_ERROR',
    retriable: false,
    message: 'Fetch: The node answered with error 12345, unknown to this version.',
  });
});

test('a name that the table does not have is our own bug', () => {
  expect(errorCode(thrown(() => protocolError('NO_SUCH_ERROR', 'x')))).toBe('ASSERTION_FAILED');
});
