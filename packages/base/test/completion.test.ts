import { expect, test } from 'vitest';
import { completion } from '../src/index.js';

test('a completion resolves its promise, once', async () => {
  const done = completion<number>();
  expect(done.isSettled).toBe(false);
  done.resolve(1);
  done.resolve(2);
  done.reject(new Error('too late'));
  expect(done.isSettled).toBe(true);
  expect(await done.promise).toBe(1);
});

test('a completion rejects its promise', async () => {
  const done = completion();
  const error = new Error('no');
  done.reject(error);
  expect(done.isSettled).toBe(true);
  await expect(done.promise).rejects.toBe(error);
});
