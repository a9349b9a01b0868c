import { completion, errorMessage } from '@millrace/base';
import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { staggered } from '../src/staggered.js';

function race(count: number, mayGoOn = (): boolean => true) {
  const clock = new ManualClock();
  const begun: number[] = [];
  const attempts = Array.from({ length: count }, () => completion<string>());
  const result = staggered(
    attempts.map((attempt, index) => () => {
      begun.push(index);
      return attempt.promise;
    }),
    { clock, staggerMs: 100, mayGoOn },
  ).catch((error: unknown) => errorMessage(error));
  const fail = async (index: number): Promise<void> => {
    attempts[index]?.reject(new Error(`attempt ${index} failed`));
    await settle();
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { clock, begun, attempts, result, fail, settle };
}

test('a first attempt that works is the only one', async () => {
  const { clock, begun, attempts, result, settle } = race(3);
  attempts[0]?.resolve('first');
  expect(await result).toBe('first');
  clock.advance(1000);
  await settle();
  expect(begun).toEqual([0]);
});

test('a failure begins the next at once', async () => {
  const { begun, attempts, result, fail } = race(3);
  await fail(0);
  expect(begun).toEqual([0, 1]);
  attempts[1]?.resolve('second');
  expect(await result).toBe('second');
});

test('a slow attempt is joined by the next, and whichever works first counts', async () => {
  for (const winner of [0, 1, 2]) {
    const { clock, begun, attempts, result } = race(3);
    clock.advance(99);
    expect(begun).toEqual([0]);
    clock.advance(1);
    expect(begun).toEqual([0, 1]);
    clock.advance(100);
    expect(begun).toEqual([0, 1, 2]);
    attempts[winner]?.resolve(`attempt ${winner}`);
    expect(await result).toBe(`attempt ${winner}`);
  }
});

test('when all have failed it rejects with the last error, and losers that fail later harm nobody', async () => {
  const { clock, attempts, result, fail } = race(2);
  clock.advance(100);
  await fail(1);
  await fail(0);
  expect(await result).toBe('attempt 0 failed');

  const other = race(2);
  other.clock.advance(100);
  other.attempts[1]?.resolve('second');
  expect(await other.result).toBe('second');
  await other.fail(0);
  expect(attempts).toHaveLength(2);
});

test('nothing more is begun when it may not go on', async () => {
  let mayGoOn = true;
  const { begun, result, fail } = race(3, () => mayGoOn);
  await fail(0);
  mayGoOn = false;
  await fail(1);
  expect(await result).toBe('attempt 1 failed');
  expect(begun).toEqual([0, 1]);
});
