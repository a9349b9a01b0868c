import { loadCompression } from '@millrace/record';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseScenario } from './scenario.js';
import { scenarios } from './scenarios.js';
import { runScenario } from './run-scenario.js';
import { requireMeaning } from './steps.js';

/** As many as a commit has time for; `npm run sim -- --scenario S7 --seeds 1..100` runs more. */
const seeds = 1;

beforeAll(async () => {
  await loadCompression('zstd');
});

describe('schedules of faults', () => {
  for (const scenario of scenarios()) {
    test(`${scenario.id}: ${scenario.title}`, async () => {
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { violations, marks } = await runScenario(scenario, seed);
        expect(violations.map(({ invariant, text }) => `${invariant}: ${text}`)).toEqual([]);
        expect(marks.map(([name]) => name)).toContain(`scenario-${scenario.id}`);
      }
    });
  }

  test('there are the schedules of the catalogue', () => {
    const ids = scenarios().map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S10', 'S11']));
    expect(ids).toEqual(expect.arrayContaining(['S12', 'S13', 'S14', 'S15']));
    expect(ids).toEqual(
      expect.arrayContaining(['S17', 'S18', 'S19', 'S20', 'S21', 'S22', 'S23', 'S25', 'S26', 'S28', 'S29']),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the text of a scenario', () => {
  const heading = 'scenario X: a test\nnodes 3\ntopic t: 1 partition, 3 replicas, min.insync.replicas=2\n';

  test('says what the cluster is, and what happens in it', () => {
    const scenario = parseScenario(
      `${heading}setting segment.bytes=300\n\n# why\nrepeat 2 times\n  kill a node # how\nwait 1 s\n`,
    );
    expect(scenario).toMatchObject({
      id: 'X',
      nodes: 3,
      topics: [{ name: 't', partitions: 1, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } }],
      settings: { 'segment.bytes': '300' },
      steps: [
        { text: 'repeat 2 times', body: [{ text: 'kill a node', line: 8 }] },
        { text: 'wait 1 s', body: [] },
      ],
    });
  });

  test.each([
    'dance',
    'await the moon is full',
    'sometimes dance',
    'for 1 s never dance',
    'kill',
    'kill a node\n  wait 1 s',
  ])('is refused where nobody would understand it: %s', (step) => {
    expect(() => requireMeaning(parseScenario(heading + step).steps)).toThrow(/^line 4/);
  });

  test('that awaits in vain says where and how all stood', async () => {
    const scenario = parseScenario(`${heading}await node-1 is fenced within 100 ms\n`);
    const { violations } = await runScenario(scenario, 1);
    expect(violations).toMatchObject([
      { invariant: 'X', text: "line 4, 'await node-1 is fenced within 100 ms': not within 100 ms" },
    ]);
  });
});
