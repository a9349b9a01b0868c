/** How soon a new node serves, how soon the first record is acknowledged, and what an idle node weighs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from 'millrace';
import { startMillrace } from './millrace-node.js';
import { type Spread, spread } from './statistics.js';

const settleMs = 2000;

export interface StartUpFigures {
  readonly readyMs: Spread;
  readonly firstAcknowledgedMs: Spread;
  readonly idleRssMb: Spread;
}

export async function measureStartUp(rounds: number): Promise<StartUpFigures> {
  const readyMs = [];
  const firstAcknowledgedMs = [];
  const idleRssMb = [];
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
  }
  return { readyMs: spread(readyMs), firstAcknowledgedMs: spread(firstAcknowledgedMs), idleRssMb: spread(idleRssMb) };
}
