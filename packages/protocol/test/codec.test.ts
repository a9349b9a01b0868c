import { errorCode, errorMessage } from '@millrace/base';
import fc from 'fast-check';
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import {
  apis,
  decodeError,
  decodeRequest,
  decodeResponse,
  describeClusterApi,
  encodeError,
  encodeRequest,
  encodeResponse,
  fetchApi,
  maxRequestBodyBytes,
  metadataApi,
  produceApi,
  splitPayload,
} from '../src/index.js';
import { arbitraryMessage } from './arbitrary-messages.js';
import { thrown } from './thrown.js';

const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';

describe.each([...apis.values()].map((api) => ({ name: api.name, api })))('$name', ({ api }) => {
  test('a request survives encoding and decoding', () => {
    fc.assert(
      fc.property(arbitraryMessage(api.request), (request) => {
        expect(decodeRequest(api, 0, encodeRequest(api, 0, request))).toEqual(request);
      }),
    );
  });

  test('a reply survives encoding and decoding', () => {
    fc.assert(
      fc.property(arbitraryMessage(api.response), (response) => {
        expect(decodeResponse(api, 0, encodeResponse(api, 0, response))).toEqual(response);
      }),
    );
  });

  test('a version it never had is refused by number', () => {
    const error = thrown(() => decodeRequest(api, api.maxVersion + 1, new Uint8Array()));
    expect(errorCode(error)).toBe('UNSUPPORTED_VERSION');
    expect(errorMessage(error)).toContain(api.name);
  });
});

test('fields that this version does not know are ignored', () => {
  const body = pack({ topics: null, allowAutoCreate: true, includeInternal: false, addedLater: [1, { deep: 'x' }] });
  expect(decodeRequest(metadataApi, 0, body)).toEqual({ topics: null, allowAutoCreate: true, includeInternal: false });
});

test('a missing field is named', () => {
  const error = thrown(() => decodeRequest(metadataApi, 0, pack({ topics: null, allowAutoCreate: true })));
  expect(errorCode(error)).toBe('INVALID_REQUEST');
  expect(errorMessage(error)).toContain('includeInternal');
});

test('a bad value deep inside is named by its path', () => {
  const entry = { topicId, partition: 0, leaderEpoch: -1, bytes: 1 };
  const body = pack({
    acks: 1,
    timeoutMs: 0,
    transactionalId: null,
    partitions: [entry, { ...entry, partition: -3 }],
  });
  expect(errorMessage(thrown(() => decodeRequest(produceApi, 0, body)))).toContain('partitions.1.partition');
});

test.each([
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['a fraction', 1.5],
  ['a number above 2^53', 2 ** 60],
  ['a 64-bit integer above 2^53', 2n ** 62n],
  ['a number as text', '7'],
  ['null', null],
])('an offset cannot be %s', (_, fetchOffset) => {
  const body = pack({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 0,
    isolation: 'read-committed',
    partitions: [{ topicId, partition: 0, fetchOffset, leaderEpoch: -1, maxBytes: 0 }],
  });
  expect(errorCode(thrown(() => decodeRequest(fetchApi, 0, body)))).toBe('INVALID_REQUEST');
});

test('offsets up to 2^53-1 are exact in every integer encoding', () => {
  const offset = Number.MAX_SAFE_INTEGER;
  for (const fetchOffset of [offset, BigInt(offset)]) {
    const body = pack({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 0,
      isolation: 'read-committed',
      partitions: [{ topicId, partition: 0, fetchOffset, leaderEpoch: -1, maxBytes: 0 }],
    });
    expect(decodeRequest(fetchApi, 0, body).partitions[0]?.fetchOffset).toBe(offset);
  }
});

test('a list longer than its limit is refused', () => {
  const partitions = Array.from({ length: 10_001 }, () => ({
    topicId,
    partition: 0,
    fetchOffset: 0,
    leaderEpoch: -1,
    maxBytes: 0,
  }));
  const body = pack({ maxWaitMs: 0, minBytes: 0, maxBytes: 0, isolation: 'read-committed', partitions });
  expect(body.length).toBeLessThan(maxRequestBodyBytes);
  expect(errorMessage(thrown(() => decodeRequest(fetchApi, 0, body)))).toContain('partitions');
});

test('a request body above its limit is refused before it is looked at', () => {
  const error = thrown(() => decodeRequest(describeClusterApi, 0, new Uint8Array(maxRequestBodyBytes + 1)));
  expect(errorMessage(error)).toContain(`${maxRequestBodyBytes}`);
});

test('a payload where the API has none is refused', () => {
  const body = encodeRequest(describeClusterApi, 0, {});
  expect(errorCode(thrown(() => decodeRequest(describeClusterApi, 0, body, 1)))).toBe('INVALID_REQUEST');
  expect(errorCode(thrown(() => decodeResponse(metadataApi, 0, body, 1)))).toBe('INVALID_RESPONSE');
});

test('a bad reply is the fault of the node and says so', () => {
  expect(errorCode(thrown(() => decodeResponse(metadataApi, 0, pack({ clusterId: 1 }))))).toBe('INVALID_RESPONSE');
  expect(errorCode(thrown(() => decodeError(pack({}))))).toBe('INVALID_RESPONSE');
});

test('an error reply survives encoding and decoding', () => {
  const error = { error: 6, message: 'node 2 does not lead orders-0' };
  expect(decodeError(encodeError(error))).toEqual(error);
});

test('a payload is cut by the lengths of the entries, without copies', () => {
  const payload = Buffer.from('aabbb');
  const pieces = splitPayload([{ bytes: 2 }, { bytes: 0 }, { bytes: 3 }], payload);
  expect(pieces.map((piece) => Buffer.from(piece).toString())).toEqual(['aa', '', 'bbb']);
  expect(pieces[2]?.buffer).toBe(payload.buffer);
});

test('a payload that is shorter or longer than its entries say is refused', () => {
  for (const bytes of [4, 6]) {
    expect(errorCode(thrown(() => splitPayload([{ bytes }], new Uint8Array(5))))).toBe('INVALID_REQUEST');
  }
});
