import { describe, expect, test } from 'vitest';
import {
  fateOf,
  type HolderFate,
  type LockJudge,
  ownHolder,
  ownJudge,
  parseHolder,
} from '../../src/node/lock-holder.js';

const noProcess = 2 ** 22;
const here: LockJudge = { host: 'a', bootId: 'boot', pidNamespace: 'pid:[1]', hostNameIsShared: false };

describe('the fate of a holder', () => {
  test('is that of its process where it can be seen', () => {
    expect(fateOf(ownHolder(), ownJudge())).toBe('lives');
    expect(fateOf({ ...ownHolder(), pid: noProcess }, ownJudge())).toBe('gone');
    expect(fateOf({ ...ownHolder(), host: 'its name before' }, ownJudge())).toBe(
      process.platform === 'linux' ? 'lives' : 'unseen',
    );
  });

  test.each<[string, { host?: string; bootId?: string; pidNamespace?: string }, Partial<LockJudge>, HolderFate]>([
    ['the machine was started again', { bootId: 'before' }, {}, 'gone'],
    ['the container was started again', { pidNamespace: 'pid:[2]' }, {}, 'gone'],
    ['containers share a host name', { pidNamespace: 'pid:[2]' }, { hostNameIsShared: true }, 'unseen'],
    ['another container', { host: 'b', pidNamespace: 'pid:[2]' }, {}, 'unseen'],
    ['another machine', { host: 'b', bootId: 'other' }, {}, 'unseen'],
    [
      'another machine, where systems tell little',
      { host: 'b', bootId: '', pidNamespace: '' },
      nothingTold(),
      'unseen',
    ],
    ['a process that ended', {}, {}, 'gone'],
  ])('%s', (_, { host = 'a', bootId = 'boot', pidNamespace = 'pid:[1]' }, judge, fate) => {
    const holder = { pid: noProcess, started: bootId === '' ? '' : `${bootId} 5`, host, pidNamespace };
    expect(fateOf(holder, { ...here, ...judge })).toBe(fate);
  });
});

test('a holder reads as it was written', () => {
  expect(parseHolder(JSON.stringify(ownHolder()))).toEqual(ownHolder());
});

function nothingTold(): Partial<LockJudge> {
  return { bootId: '', pidNamespace: '' };
}
