import { errorCode, errorMessage } from '@millrace/base';
import { expect, test } from 'vitest';
import { apis, isServedOn, metadataApi, negotiateVersion, servedVersions } from '../src/index.js';
import { thrown } from './thrown.js';

const key = metadataApi.key;
const api = { ...metadataApi, minVersion: 2, maxVersion: 5 };

test.each([
  [{ min: 0, max: 9 }, 5],
  [{ min: 3, max: 4 }, 4],
  [{ min: 5, max: 7 }, 5],
  [{ min: 0, max: 2 }, 2],
])('against versions %j the newest common one is used', (range, version) => {
  expect(
    negotiateVersion(api, [
      { key: 99, min: 0, max: 0 },
      { key, ...range },
    ]),
  ).toBe(version);
});

test.each([
  [{ min: 0, max: 1 }, 'the node is too old'],
  [{ min: 6, max: 7 }, 'this program is too old'],
])('without a common version it says who is behind: %j', (range, who) => {
  const error = thrown(() => negotiateVersion(api, [{ key, ...range }]));
  expect(errorCode(error)).toBe('UNSUPPORTED_VERSION');
  expect(errorMessage(error)).toContain(who);
});

test('an API that the node does not serve is refused', () => {
  expect(errorMessage(thrown(() => negotiateVersion(api, [])))).toContain('does not serve Metadata');
});

test('a listener offers what it serves, with its versions', () => {
  for (const listener of ['client', 'internal'] as const) {
    const expected = [...apis.values()].filter((api) => isServedOn(api, listener));
    expect(servedVersions(listener)).toEqual(
      expected.map(({ key, minVersion, maxVersion }) => ({ key, min: minVersion, max: maxVersion })),
    );
  }
});
