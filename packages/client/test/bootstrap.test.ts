import { errorCode, errorMessage } from '@millrace/base';
import { expect, test } from 'vitest';
import { parseBootstrap } from '../src/index.js';

test.each([
  ['127.0.0.1:7400', [{ host: '127.0.0.1', port: 7400 }]],
  [
    ' a:1 , [::1]:2,',
    [
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
    ],
  ],
  [
    ['a:1', 'b:2'],
    [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  ],
])('%j is understood', (text, addresses) => {
  expect(parseBootstrap(text)).toEqual(addresses);
});

test.each(['', ' , ', 'localhost', 'localhost:', 'localhost:0', 'localhost:70000', 'http://a:1', 'a:1;b:2'])(
  '%j is refused with what is wrong and an example',
  (text) => {
    let error: unknown;
    try {
      parseBootstrap(text);
    } catch (caught) {
      error = caught;
    }
    expect(errorCode(error)).toBe('INVALID_CONFIG');
    expect(errorMessage(error)).toContain('127.0.0.1:7400');
  },
);
