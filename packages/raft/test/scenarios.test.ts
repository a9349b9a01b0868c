import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runScenario } from './scenario.js';

/** `MILLRACE_RAFT_REWRITE=1 npx vitest run packages/raft/test/scenarios.test.ts` writes what happens now; review the diff. */
const isRewrite = process.env['MILLRACE_RAFT_REWRITE'] === '1';
const directory = new URL('scenarios/', import.meta.url).pathname;

describe('scenarios', () => {
  for (const name of readdirSync(directory).sort()) {
    test(name, () => {
      const { expected, actual } = runScenario(directory + name, isRewrite);
      expect(actual).toBe(isRewrite ? actual : expected);
    });
  }
});
