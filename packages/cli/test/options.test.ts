import { expect, test } from 'vitest';
import {
  collect,
  integer,
  keyValue,
  oneOf,
  partitionReplicas,
  startPosition,
  topicOrPartition,
  UsageError,
} from '../src/options.js';

test('whole numbers within bounds only', () => {
  const parse = integer(1, 10);
  expect(parse('10')).toBe(10);
  for (const text of ['0', '11', '1.5', '', 'ten', '1e99', 'NaN']) expect(() => parse(text)).toThrow(/from 1 to 10/);
});

test('a choice is one of the words', () => {
  expect(oneOf('all', '1')('all')).toBe('all');
  expect(() => oneOf('all', '1')('2')).toThrow('Expected one of all, 1.');
});

test('settings collect, the value may hold an equals sign, the key may not be empty', () => {
  expect(keyValue('a=1', { b: '2' })).toEqual({ a: '1', b: '2' });
  expect(keyValue('a=b=c')).toEqual({ a: 'b=c' });
  expect(() => keyValue('=1')).toThrow('key=value');
  expect(() => keyValue('a')).toThrow('key=value');
  expect(collect('b', ['a'])).toEqual(['a', 'b']);
});

test('a start is a word, an offset or a time', () => {
  expect(startPosition('beginning')).toBe('beginning');
  expect(startPosition('42')).toEqual({ offset: 42 });
  expect(startPosition('2001-01-01T00:00:00Z')).toEqual({ timestampMs: 978307200000 });
  for (const text of ['-1', 'tomorrow', '1.5', '2001-13-01'])
    expect(() => startPosition(text)).toThrow('Expected beginning');
});

test('a topic or one partition of it', () => {
  expect(topicOrPartition('orders')).toEqual({ topic: 'orders', partition: undefined });
  expect(topicOrPartition('orders.eu:12')).toEqual({ topic: 'orders.eu', partition: 12 });
  for (const text of ['', ':1', 'orders:', 'orders:x', 'orders:-1', 'orders:1:2', 'orders:1234567'])
    expect(() => topicOrPartition(text), text).toThrow(UsageError);
});

test('replicas of partitions collect, each partition once and each node once', () => {
  const first = partitionReplicas('0=1,2,3');
  expect([...partitionReplicas('12=3', first)]).toEqual([
    [0, [1, 2, 3]],
    [12, [3]],
  ]);
  for (const text of ['0', '0=', '=1', '0=1,', '0=a', '-1=1', '0=1;2'])
    expect(() => partitionReplicas(text), text).toThrow('PARTITION=NODE');
  expect(() => partitionReplicas('0=1,1')).toThrow('twice');
  expect(() => partitionReplicas('0=2', first)).toThrow('Partition 0 is given twice');
});
