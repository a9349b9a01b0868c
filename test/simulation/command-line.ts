import { loadCompression } from '@millrace/record';
import { drawPlan } from './plan/draw-plan.js';
import { timeLineText } from './report/time-line.js';
import { runPlan } from './run/run-plan.js';

export async function main(args: readonly string[]): Promise<number> {
  await loadCompression('zstd');
  const [from, to] = (args[1] ?? '1').split('..').map(Number);
  let bad = 0;
  for (let seed = from!; seed <= (to ?? from!); seed += 1) {
    const started = performance.now();
    const plan = drawPlan(seed, { nodesMax: 1 });
    const result = await runPlan(plan, { keepTimeLine: args.includes('-v'), keepTrace: args.includes('-t') });
    if (args.includes('-v'))
      for (const e of result.timeLine) if (!e.isDetail || args.includes('-vv')) console.log(timeLineText(e));
    console.log(
      seed,
      result.traceHash,
      result.events,
      Math.round(result.virtualMs),
      'sends',
      result.sends,
      'reads',
      result.reads,
      `${Math.round(performance.now() - started)}ms`,
      plan.config.ending,
      JSON.stringify(result.faults),
    );
    for (const v of result.violations) {
      bad += 1;
      console.log('VIOLATION', v.invariant, v.text);
      for (const e of v.evidence) console.log('     ', e);
    }
  }
  return bad ? 1 : 0;
}
