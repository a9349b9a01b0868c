/**
 * How soon a new node serves, how soon the first record is acknowledged, and what an idle node weighs and burns.
 *
 * Both times begin with the start of the node's process. The client is loaded before; that it connects, finds its topic
 * created and sends is in the second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from 'millrace';
import { startMillrace } from '../nodes/millrace-node.js';
import { below } from '../report/goal.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

const settleMs = 2000;
const idleMs = 3000;

interface StartUpFigures {
  readonly readyMs: Spread;
  readonly firstAcknowledgedMs: Spread;
  readonly idleRssMb: Spread;
  /** Of one processor. */
  readonly idleCpuPercent: Spread;
}

async function measure({ rounds }: Scale): Promise<StartUpFigures> {
  const readyMs = [];
  const firstAcknowledgedMs = [];
  const idleRssMb = [];
  const idleCpuPercent = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now();
    await using node = await startMillrace();
    await using producer = new Producer({ bootstrap: node.bootstrap });
    await producer.send({ topic: 'first', value: 'hello' });
    firstAcknowledgedMs.push(performance.now() - startedMs);
    readyMs.push(node.readyMs);
    await producer.close();
    await sleep(settleMs);
    idleRssMb.push(node.rssBytes() / 1e6);
    const { cpuSeconds } = node.usage();
    await sleep(idleMs);
    idleCpuPercent.push(((node.usage().cpuSeconds - cpuSeconds) / (idleMs / 1000)) * 100);
  }
  return {
    readyMs: spread(readyMs),
    firstAcknowledgedMs: spread(firstAcknowledgedMs),
    idleRssMb: spread(idleRssMb),
    idleCpuPercent: spread(idleCpuPercent),
  };
}

export const startUp = defineSuite<StartUpFigures>({
  name: 'start-up',
  title: 'Start and idleness',
  measure,
  present: ({ readyMs, firstAcknowledgedMs, idleRssMb, idleCpuPercent }) => ({
    figures: [
      { name: 'start to ready', value: readyMs, unit: 'ms' },
      { name: 'start to first acknowledged record', value: firstAcknowledgedMs, unit: 'ms' },
      { name: 'idle memory (resident)', value: idleRssMb, unit: 'MB' },
      { name: 'idle processor time', value: idleCpuPercent, unit: '% of one', digits: 1 },
    ],
    goals: [
      below('start to ready, ms', readyMs, 300),
      below('start to first acknowledged record, ms', firstAcknowledgedMs, 400),
      below('idle memory, MB', idleRssMb, 90),
      below('idle processor time, % of one', idleCpuPercent, 1, 1),
    ],
    notes: `Memory at idle is the resident set of a node that has served one record and then nothing, HTTP listener included.`,
  }),
});
