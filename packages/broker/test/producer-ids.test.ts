import { completion, MillraceError } from '@millrace/base';
import { expect, test } from 'vitest';
import { ProducerIds } from '../src/producer-ids.js';

test('hands out every id of a block once and shares one request for the next block', async () => {
  let blocks = 0;
  const ids = new ProducerIds(() => Promise.resolve({ first: 10 * blocks++, count: 3 }));
  const given = await Promise.all(Array.from({ length: 7 }, () => ids.next()));
  expect(new Set(given)).toEqual(new Set([0, 1, 2, 10, 11, 12, 20]));
  expect(blocks).toBe(3);
});

test('an allocation that fails fails those who waited, and the next one asks again', async () => {
  const first = completion<{ first: number; count: number }>();
  const answers = [first.promise, Promise.resolve({ first: 5, count: 1 })];
  const ids = new ProducerIds(() => answers.shift()!);
  const refused = ids.next();
  first.reject(new MillraceError('NOT_CONTROLLER', 'moved'));
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
  expect(await ids.next()).toBe(5);
});
