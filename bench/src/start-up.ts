/**
 * How soon a new node serves, how soon the first record is acknowledged, and what an idle node weighs and burns.
 *
 * Both times begin with the start of the node's process. The client is loaded before; that it connects, finds its topic
 * created and sends is in the second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from 'millrace';
import { startMillrace } from './millrace-node.js';
import { type Spread, spread } from './statistics.js';

const settleMs = 2000;
const idleMs = 3000;

export interface StartUpFigures {
  readonly readyMs: Spread;
  readonly firstAcknowledgedMs: Spread;
  readonly idleRssMb: Spread;
  /** Of one processor. */
  readonly idleCpuPercent: Spread;
}

export async function measureStartUp(rounds: number): Promise<StartUpFigures> {
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
