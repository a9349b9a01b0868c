/**
 * Seeded runs of whole clusters; see `simulation/run-seed.ts`.
 *
 * `MILLRACE_RAFT_SEEDS=5000 npx vitest run --project unit packages/raft/test/simulation.test.ts` runs more seeds,
 * `MILLRACE_RAFT_SEED=17` one, and prints what happened in it when it fails.
 */
import { expect, test } from 'vitest';
import { runSeed } from './simulation/run-seed.js';

const seeds = Number(process.env['MILLRACE_RAFT_SEEDS'] ?? 200);
const only = process.env['MILLRACE_RAFT_SEED'];
const traceLines = 300;

/** Rare things that the runs must come across, or the generator has a blind spot. */
const expectedMarks = [
  'candidate -> follower',
  'candidate -> leader',
  'candidate -> prospective',
  'disk emptied',
  'follower -> candidate',
  'follower -> observer',
  'leader -> follower',
  'leader -> observer',
  'log cut',
  'observer -> follower',
  'other disk refused',
  'paused',
  'prospective -> follower',
  'read answered',
  'refused THROTTLING_QUOTA_EXCEEDED',
  'refused VOTER_CHANGE_IN_PROGRESS',
  'snapshot installed',
  'unsynced changes lost',
];

function run(seed: number, log?: string[]): ReturnType<typeof runSeed> {
  try {
    return runSeed(log === undefined ? { seed } : { seed, log });
  } catch (error) {
    const trace = log === undefined ? '' : `\n${log.slice(-traceLines).join('\n')}`;
    throw new Error(`seed ${seed}: ${String(error)}; MILLRACE_RAFT_SEED=${seed} replays it${trace}`, { cause: error });
  }
}

test(
  only === undefined ? `keeps its guarantees in ${seeds} runs with faults` : `keeps its guarantees with seed ${only}`,
  () => {
    if (only !== undefined) {
      expect(run(Number(only), []).committed).toBeGreaterThan(0);
      return;
    }
    const marks = new Map<string, number>();
    const broken: string[] = [];
    let events = 0;
    let committed = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      try {
        const result = run(seed);
        events += result.events;
        committed += result.committed;
        for (const [name, count] of result.marks) marks.set(name, (marks.get(name) ?? 0) + count);
      } catch (error) {
        broken.push(String(error));
      }
    }
    expect(broken).toEqual([]);
    expect(expectedMarks.filter((name) => !marks.has(name))).toEqual([]);
    if (seeds > 200) {
      const counts = [...marks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${name}: ${count}`);
      process.stdout.write(
        `${seeds} seeds, ${events} events, ${committed} positions committed\n${counts.join('\n')}\n`,
      );
    }
  },
  3_600_000,
);

test('replays a seed exactly', () => {
  for (const seed of [3, 14, 15]) {
    const first = run(seed);
    const second = run(seed);
    expect([second.events, second.traceHash]).toEqual([first.events, first.traceHash]);
  }
});
