import { test } from 'vitest';
import { runSeed } from './simulation/run-seed.js';
test('x', () => {
  const n = Number(process.env['N'] ?? 50);
  const only = process.env['ONLY'];
  let events = 0;
  const marks = new Map<string, number>();
  for (let seed = 1; seed <= n; seed++) {
    if (only !== undefined && seed !== Number(only)) continue;
    const log: string[] | undefined = only === undefined ? undefined : [];
    try {
      const r = runSeed({ seed, ...(log ? { log } : {}) });
      events += r.events;
      for (const [k, v] of r.marks) marks.set(k, (marks.get(k) ?? 0) + v);
    } catch (e) {
      console.log('seed', seed, String(e), only || process.env['V'] ? (e as Error).stack : '');
      if (log) console.log(log.slice(-Number(process.env['TAIL'] ?? 80)).join('\n'));
    }
  }
  console.log(events, JSON.stringify([...marks]));
});
