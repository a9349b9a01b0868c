import { test } from 'vitest';
import { runSeed } from './simulation/run-seed.js';
import type { RaftDefect } from '../src/core/defects.js';
const all: RaftDefect[] = ['voteBeforePersist','noPreVote','countSelfBeforeSync','commitEarlierTerm','truncateOnHeartbeat','noCheckQuorum','changeBeforeOwnCommit','ignoreDirectoryId'];
test('x', () => {
  for (const d of all) {
    const hits: string[] = [];
    let n = 0;
    for (let seed = 1; seed <= Number(process.env['N'] ?? 60); seed++) {
      try { runSeed({ seed, defects: new Set([d]) }); } catch (e) { n++; if (hits.length < 3) hits.push(seed + ' ' + String((e as Error).message).slice(0, 120)); }
    }
    console.log(d, n, hits.join(' | '));
  }
});
