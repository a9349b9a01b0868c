/** How long somebody who joins a group waits for the first record: alone, and where another member has to hand over first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Consumer, Producer } from 'millrace';
import { startMillrace } from '../../nodes/millrace-node.js';
import { type Percentiles, percentiles } from '../../report/statistics.js';
import { defineSuite, type Scale } from '../../suite.js';
import { leaveAll, Member, untilShared } from './members.js';

interface JoinFigures {
  readonly joins: number;
  readonly partitions: number;
  /** Each the first member of a group of its own. */
  readonly aloneMs: Percentiles;
  /** Each the second member of one group. */
  readonly secondMs: Percentiles;
}

const topic = 'join';
const partitions = 4;
const sendEveryMs = 5;
const firstRecordTimeoutMs = 60_000;

async function measure({ pick }: Scale): Promise<JoinFigures> {
  const joins = pick(15, 100);
  await using node = await startMillrace();
  const { bootstrap } = node;
  await using admin = new Admin({ bootstrap });
  await admin.createTopic({ name: topic, partitions });
  const load = new Load(bootstrap);
  const members = [new Member({ bootstrap, group: 'shared', topic })];
  try {
    await untilShared(members, partitions);
    const aloneMs: number[] = [];
    const secondMs: number[] = [];
    for (let index = 0; index < joins; index += 1) {
      aloneMs.push(await firstRecordMs(bootstrap, `alone-${index}`));
      secondMs.push(await firstRecordMs(bootstrap, 'shared'));
      // What the second member left behind has come back: the next one meets the same group.
      await untilShared(members, partitions);
    }
    return { joins, partitions, aloneMs: percentiles(aloneMs), secondMs: percentiles(secondMs) };
  } finally {
    await leaveAll(members);
    await load.stop();
  }
}

/** From the making of the consumer, which connects to the node and finds the group's coordinator too. */
async function firstRecordMs(bootstrap: string, group: string): Promise<number> {
  const startedMs = performance.now();
  await using consumer = new Consumer({ bootstrap, group, topics: [topic], from: 'beginning', autoCommit: false });
  const { done } = await consumer.records({ signal: AbortSignal.timeout(firstRecordTimeoutMs) }).next();
  if (done === true) throw new Error(`The consumer of group ${group} ended without a record`);
  return performance.now() - startedMs;
}

/** A record for every partition now and then, so that whoever gets one finds something in it. */
class Load {
  readonly #producer: Producer;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(bootstrap: string) {
    this.#producer = new Producer({ bootstrap });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(): Promise<void> {
    for (; !this.#isStopped; await sleep(sendEveryMs)) {
      for (let partition = 0; partition < partitions; partition += 1) {
        this.#producer.enqueue({ topic, partition, value: 'x' });
      }
    }
  }
}

export const groupJoin = defineSuite<JoinFigures>({
  name: 'group-join',
  title: 'Joining a group',
  measure,
  present: ({ joins, partitions: count, aloneMs, secondMs }) => {
    const of = ({ p50, p99, max }: Percentiles): string => `${p50} / ${p99} / ${max}`;
    const text = `${joins} times, p50 / p99 / max`;
    return {
      figures: [
        { name: `first member to its first record, ${text}`, value: of(aloneMs), unit: 'ms' },
        { name: `second member to its first record, ${text}`, value: of(secondMs), unit: 'ms' },
      ],
      notes: `From the making of a consumer to its first record, in a topic of ${count} partitions in which records always arrive:
connections, the group's coordinator and the committed offsets are found on the way. The second member gets its partitions when
the first, which is busy reading, has given them up.`,
    };
  },
});
