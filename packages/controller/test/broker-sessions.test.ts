import { expect, test } from 'vitest';
import { BrokerSessions } from '../src/broker-sessions.js';

test('whoever is silent for the timeout has expired, the longest silent first', () => {
  const sessions = new BrokerSessions(1000, 0);
  sessions.touch(1, 300);
  sessions.touch(2, 100);
  sessions.touch(3, 500);
  for (let nowMs = 250; nowMs <= 1250; nowMs += 250) sessions.expired([], nowMs);
  expect(sessions.expired([1, 2, 3], 1350)).toEqual([2, 1]);
  expect(sessions.expired([1, 2, 3], 1500)).toEqual([2, 1, 3]);
});

test('a broker that this controller has not heard yet gets a whole timeout from its start', () => {
  const sessions = new BrokerSessions(1000, 5000);
  expect(sessions.isHeard(1, 5000)).toBe(false);
  expect(sessions.expired([1], 5250)).toEqual([]);
  for (let nowMs = 5500; nowMs <= 5750; nowMs += 250) expect(sessions.expired([1], nowMs)).toEqual([]);
  expect(sessions.expired([1], 6000)).toEqual([1]);
});

test('time in which this process itself stood still counts for nobody', () => {
  const sessions = new BrokerSessions(1000, 0);
  sessions.touch(1, 0);
  expect(sessions.expired([1, 2], 250)).toEqual([]);
  // Stopped for a minute: what brokers sent meanwhile is read after this check.
  expect(sessions.expired([1, 2], 60_250)).toEqual([]);
  sessions.touch(1, 60_260);
  for (let nowMs = 60_500; nowMs < 61_000; nowMs += 250) expect(sessions.expired([1], nowMs)).toEqual([]);
  // One that stays silent is fenced all the same.
  expect(sessions.expired([1, 2], 61_000)).toEqual([2]);
});

test('a broker may stop when the others know that it leads nothing, or have had a session timeout to learn it', () => {
  const sessions = new BrokerSessions(1000, 0);
  for (const nodeId of [1, 2, 3]) sessions.begin(nodeId, 0);
  sessions.touch(2, 10, 40);
  sessions.touch(3, 10, 39);
  expect(sessions.mayStop(1, { metadataOffset: 40, ms: 20, others: [2, 3] })).toBe(false);
  // Later changes of the metadata are none of its business.
  sessions.touch(3, 30, 40);
  expect(sessions.mayStop(1, { metadataOffset: 50, ms: 40, others: [2, 3] })).toBe(true);
  expect(sessions.mayStop(2, { metadataOffset: 60, ms: 50, others: [3] })).toBe(false);
  expect(sessions.mayStop(2, { metadataOffset: 60, ms: 1050, others: [3] })).toBe(true);
  expect(sessions.mayStop(1, { metadataOffset: 9, ms: 60, others: [] })).toBe(true);
});
