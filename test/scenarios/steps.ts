/** What a step of a scenario can be. */
import { assert, errorCode } from '@millrace/base';
import type { Fate } from '@millrace/testkit';
import { dataDirectory, type ClusterNode } from '../simulation/cluster/simulated-cluster.js';
import { clientSteps } from './client-steps.js';
import { conditionOf, idOf, termOf } from './conditions.js';
import { type Director, NotReached } from './director.js';
import type { FileCall, FilePoints } from './file-points.js';
import { ScenarioSyntaxError, type Step } from './scenario.js';

export interface Acting {
  readonly director: Director;
  readonly points: FilePoints;
}

type Act = (acting: Acting, words: readonly string[], step: Step) => Promise<void> | void;

interface Rule {
  readonly pattern: RegExp;
  readonly act: Act;
}

const node = '([A-Z]|node-\\d+|the controller|a node)';
const nodes = '((?:[A-Z]|node-\\d+)(?:(?:, | and )(?:[A-Z]|node-\\d+))*|all nodes|the controller|a node)';
const partition = '([A-Z]|[\\w.]+-\\d+)';
const letters = '([A-Z](?:(?:, | and )[A-Z])*)';
const time = '([\\d.]+ m?s(?: to [\\d.]+ m?s)?)';
const fate = '(?:, unsynced data is (lost|kept|torn|random))?';
const usualAwaitMs = 20_000;
const timeoutMs = 5000;
const dayMs = 86_400_000;

const rules: readonly Rule[] = [
  ...clientSteps.map(({ pattern, act }): Rule => ({ pattern, act: ({ director }, words) => act(director, words) })),
  rule(`let ([A-Z]) be the leader of ${partition}`, ({ director }, [name, of]) => {
    const { leader } = director.image(of);
    if (leader === -1) throw new NotReached(`nobody leads ${of}`);
    director.name(name, director.nodeById(leader));
  }),
  rule(`let ${letters} be the followers of ${partition}(, in order)?`, ({ director }, [names, of, inOrder = '']) => {
    const { leader, replicas } = director.image(of);
    const followers = replicas.filter((replica) => replica !== leader).map((id) => director.nodeById(id));
    nameAll(director, names, inOrder === '' ? shuffled(director, followers) : followers);
  }),
  rule(`let ([A-Z]) be the follower of ${partition} that is not the controller`, ({ director }, [name, of]) => {
    const { leader, replicas } = director.image(of);
    const controller = director.node('the controller');
    const followers = replicas.filter((id) => id !== leader && id !== idOf(controller));
    if (followers.length === 0) throw new NotReached('every follower is the controller');
    director.name(name, director.nodeById(director.choice.of(followers)));
  }),
  rule(`let ([A-Z]) be the other follower of ${partition} besides ${node}`, ({ director }, [name, of, known]) => {
    const { leader, replicas } = director.image(of);
    const others = replicas.filter((id) => id !== leader && id !== idOf(director.node(known)));
    nameAll(
      director,
      name,
      others.map((id) => director.nodeById(id)),
    );
  }),
  rule(`let ([A-Z]) be the controller`, ({ director }, [name]) => director.name(name, director.node('the controller'))),
  rule(`let ([A-Z]) be a node`, ({ director }, [name]) => director.name(name, director.node('a node'))),
  rule(`let ${letters} be (?:a node|the nodes|nodes) besides ${nodes}`, ({ director }, [names, known]) => {
    nameAll(director, names, shuffled(director, director.othersThan(director.nodes(known))));
  }),
  rule(`let ([A-Z]) be a partition of ([\\w.]+) without the controller`, ({ director }, [name, topic]) => {
    const controller = idOf(director.node('the controller'));
    const all = director.stage.cluster.image.topicByName(topic)?.partitions ?? [];
    const without = all.filter(({ leader, replicas }) => leader !== -1 && !replicas.includes(controller));
    if (without.length === 0) throw new NotReached(`the controller holds all of ${topic}`);
    director.name(name, { topic, partition: director.choice.of(without).partition });
  }),
  rule(`let ([A-Z]) be a partition of ([\\w.]+) that ${node} does not lead`, ({ director }, [name, topic, who]) => {
    const other = idOf(director.node(who));
    const image = director.stage.cluster.image.topicByName(topic);
    const led = (image?.partitions ?? []).filter(({ leader }) => leader !== other && leader !== -1);
    if (led.length === 0) throw new NotReached(`${who} leads all of ${topic}`);
    director.name(name, { topic, partition: director.choice.of(led).partition });
  }),
  rule('note the term', ({ director }) => director.note('term', termOf(director))),
  rule('listen', ({ director }) => {
    director.lines.length = 0;
  }),

  rule(`write every ${time}(?:, dated (\\d+) days back)?`, ({ director }, [every, days = '0']) => {
    director.startWriting(director.durationMs(every), Number(days) * dayMs);
  }),
  rule('stop writing', ({ director }) => director.stopWriting()),
  rule(`wait ${time}`, ({ director }, [text]) => director.stage.simulation.runFor(director.durationMs(text))),
  rule(`await (.+?)(?: within ${time})?`, async ({ director }, [text, within = '']) => {
    const timeMs = within === '' ? usualAwaitMs : director.durationMs(within);
    await until(director, text, timeMs);
  }),
  rule('expect (.+)', ({ director }, [text]) => {
    if (conditionOf(text)?.(director)() !== true) throw new NotReached(`it is not so that ${text}`);
  }),
  rule(`for ${time} never (.+)`, async ({ director }, [text, never]) => {
    const ask = conditionOf(never)?.(director);
    assert(ask !== undefined, `'${never}' is no condition`);
    if (await comesAbout(director, ask, director.durationMs(text))) throw new NotReached(`it came about that ${never}`);
  }),
  rule('repeat (\\d+) times', async (acting, [count], { body }) => {
    for (let round = 0; round < Number(count); round += 1) await performAll(acting, body);
  }),
  rule('sometimes (.+)', async (acting, [text], step) => {
    if (acting.director.choice.chance(0.5)) await performAll(acting, [{ ...step, text }]);
  }),

  rule(`power-cut ${nodes}${fate}`, ({ director }, [who, what = 'random']) => {
    for (const each of director.nodes(who)) director.stage.cluster.crash(each, what as Fate);
  }),
  rule(`kill ${nodes}`, ({ director }, [who]) => {
    for (const each of director.nodes(who)) director.stage.cluster.kill(each);
  }),
  rule(
    `(power-cut|kill) ${node} at its (\\d+)(?:st|nd|rd|th)? ?(?:to (\\d+)th )?(file call|create|write|truncate|sync|rename|removeFile|syncDirectory)(?: of "([^"]+)")?`,
    (acting, words) => {
      const [how, who = '', from, to, call, suffix] = words as readonly (string | undefined)[];
      armPoint(acting, acting.director.node(who), {
        isPowerCut: how === 'power-cut',
        call: call === 'file call' ? undefined : (call as FileCall),
        suffix: suffix ?? '',
        skip: acting.director.choice.between(Number(from), Number(to ?? from)) - 1,
      });
    },
  ),
  rule(`stop ${nodes}`, ({ director }, [who]) => {
    for (const each of director.nodes(who)) {
      each.isWanted = false;
      void director.stage.cluster.stop(each);
    }
  }),
  rule(`start ${nodes}`, ({ director }, [who]) => {
    for (const each of director.nodes(who)) director.stage.cluster.start(each);
  }),
  rule(`empty the disk of ${node}`, ({ director }, [who]) => director.stage.cluster.wipe(director.node(who))),
  rule(`pause ${nodes}`, ({ director }, [who]) => {
    for (const each of director.nodes(who)) director.stage.cluster.pause(each);
  }),
  rule(`resume ${nodes}`, ({ director }, [who]) => {
    for (const each of director.nodes(who)) director.stage.cluster.resume(each);
  }),

  rule(`cut ${nodes} (->|<->) ${nodes}`, ({ director }, [from, direction, to]) => {
    forLinks(director, { from, to, isBoth: direction === '<->' }, (a, b) =>
      director.stage.simulation.network.cut(a, b),
    );
  }),
  rule(`heal ${nodes} (->|<->) ${nodes}`, ({ director }, [from, direction, to]) => {
    forLinks(director, { from, to, isBoth: direction === '<->' }, (a, b) =>
      director.stage.simulation.network.heal(a, b),
    );
  }),
  rule('heal all links', ({ director }) => director.stage.simulation.network.heal()),
  rule(`cut ${nodes} off from nodes`, ({ director }, [who]) => {
    const inside = director.nodes(who);
    const outside = director.othersThan(inside);
    director.stage.simulation.network.partition(namesOf(inside), namesOf(outside));
  }),
  rule(`delay ${node} -> ${node} by ${time}`, ({ director }, [from, to, text]) => {
    const delayMs = director.durationMs(text);
    const link = { delayMinMs: delayMs, delayMaxMs: delayMs };
    director.stage.simulation.network.configureLink(director.node(from).name, director.node(to).name, link);
  }),
  rule(`disk of ${node} takes ([\\d.]+) to ([\\d.]+) ms`, ({ director }, [who, minMs, maxMs]) => {
    director.stage.simulation.setDiskLatency(director.node(who).name, { minMs: Number(minMs), maxMs: Number(maxMs) });
  }),
  rule(`the clocks of ${nodes} are ahead by ${time}`, ({ director }, [who, text]) => {
    const offsetMs = director.durationMs(text);
    for (const { name } of director.nodes(who)) director.stage.simulation.setWallClock(name, { offsetMs });
  }),
  rule(`the next sync of a log of ${node} fails`, ({ director }, [who]) => {
    const { simulation } = director.stage;
    simulation.disk(director.node(who).name).failNext({ operation: 'sync', path: /\.log$/, code: 'EIO' });
  }),
  rule(
    `clog all links of ${node} one by one within ${time}, and free them in another order`,
    async ({ director }, [who, text]) => {
      await swizzle(director, director.node(who), director.durationMs(text));
    },
  ),

  rule(`flip a bit of the log of ${partition} on ${node}`, ({ director }, [name, who]) => {
    flipBit(director, name, director.node(who));
  }),
  rule(`take ${partition} off the disk of ${node}`, async ({ director }, [name, who]) => {
    const { topic, partition: index } = director.partition(name);
    await director.stage.cluster.removePartition(director.node(who), `${topic}-${index}`);
  }),
  rule('delete and create ([\\w.]+) again', async ({ director }, [topic]) => {
    const { admin, simulation } = director.stage;
    await simulation.complete(admin.recreateTopic({ topic, pauseMs: 0 }), 60_000);
  }),
  rule(`move ${partition} to other nodes`, async ({ director }, [name]) => {
    const { replicas } = director.image(name);
    const chosen = shuffled(director, director.stage.cluster.nodes).slice(0, replicas.length).map(idOf);
    director.stage.timeLine.add('scenario', `moves ${name} to ${chosen.join()}`);
    const move = { ...director.partition(name), replicas: chosen };
    await director.stage.simulation.complete(director.stage.admin.movePartition(move), 4 * timeoutMs);
  }),
  rule(`move ${partition} to ${nodes}`, async ({ director }, [name, who]) => {
    const where = director.partition(name);
    const replicas = director.nodes(who).map(idOf);
    await director.stage.simulation.complete(director.stage.admin.movePartition({ ...where, replicas }), 4 * timeoutMs);
  }),
];

function rule(
  text: string,
  act: (acting: Acting, words: readonly [string, string, string], step: Step) => Promise<void> | void,
): Rule {
  return {
    pattern: new RegExp(`^${text}$`),
    act: (acting, words, step) => act(acting, words as [string, string, string], step),
  };
}

/** Throws when nobody would understand it. */
export function requireMeaning(steps: readonly Step[]): void {
  for (const { line, text, body } of steps) {
    const found = rules.find(({ pattern }) => pattern.test(text));
    if (found === undefined) throw new ScenarioSyntaxError(line, text, 'is no step');
    const inner =
      /^(?:await|expect) (.+?)(?: within [\d.]+ m?s(?: to [\d.]+ m?s)?)?$/.exec(text) ??
      /^for .+? never (.+)$/.exec(text);
    const condition = inner?.[1];
    if (condition !== undefined && conditionOf(condition) === undefined) {
      throw new ScenarioSyntaxError(line, text, `'${condition}' is no condition`);
    }
    const sometimes = /^sometimes (.+)$/.exec(text)?.[1];
    if (sometimes !== undefined) requireMeaning([{ line, text: sometimes, body: [] }]);
    if (body.length > 0 && !text.startsWith('repeat '))
      throw new ScenarioSyntaxError(line, text, 'has nothing below it');
    requireMeaning(body);
  }
}

export async function performAll(acting: Acting, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    acting.director.stage.timeLine.add('scenario', `line ${step.line}: ${step.text}`);
    for (const { pattern, act } of rules) {
      const match = pattern.exec(step.text);
      if (match === null) continue;
      try {
        await act(acting, match.slice(1), step);
      } catch (error) {
        if (!(error instanceof NotReached) || step.body.length > 0 || error.message.startsWith('line ')) throw error;
        throw new NotReached(`line ${step.line}, '${step.text}': ${error.message}`);
      }
      break;
    }
  }
}

async function until(director: Director, text: string, timeMs: number): Promise<void> {
  const ask = conditionOf(text)?.(director);
  assert(ask !== undefined, `'${text}' is no condition`);
  if (!(await comesAbout(director, ask, timeMs))) throw new NotReached(`not within ${timeMs} ms`);
}

/** Asks after every event. */
async function comesAbout({ stage }: Director, ask: () => boolean, timeMs: number): Promise<boolean> {
  if (ask()) return true;
  try {
    await stage.simulation.runUntil(ask, timeMs);
    return true;
  } catch (error) {
    if (errorCode(error) === 'SIMULATION_STUCK') return false;
    throw error;
  }
}

function nameAll(director: Director, names: string, found: readonly ClusterNode[]): void {
  const letters = names.split(/, | and /);
  if (found.length < letters.length) throw new NotReached(`there are ${found.length} of them`);
  for (const [index, name] of letters.entries()) {
    const each = found[index];
    if (each !== undefined) director.name(name, each);
  }
}

function shuffled({ choice }: Director, found: readonly ClusterNode[]): ClusterNode[] {
  const left = [...found];
  return found.map(() => left.splice(choice.between(0, left.length - 1), 1)[0] as ClusterNode);
}

function namesOf(found: readonly ClusterNode[]): string[] {
  return found.map(({ name }) => name);
}

interface Links {
  readonly from: string;
  readonly to: string;
  readonly isBoth: boolean;
}

/** In the middle of the partition's last segment; the node is down. */
function flipBit(director: Director, name: string, { name: machine }: ClusterNode): void {
  const disk = director.stage.simulation.disk(machine);
  const files = disk.files();
  const { topic, partition: index } = director.partition(name);
  const directory = `${dataDirectory}/${topic}-${index}`;
  const file = files
    .list(directory)
    .filter((each) => each.endsWith('.log'))
    .at(-1);
  const sizeBytes = files.stat(`${directory}/${file}`)?.sizeBytes ?? 0;
  if (sizeBytes < 200) throw new NotReached(`the log of ${name} has ${sizeBytes} bytes`);
  disk.flipBit(`${directory}/${file}`, 8 * director.choice.between(100, Math.floor(sizeBytes / 2)));
}

function forLinks(director: Director, { from, to, isBoth }: Links, change: (from: string, to: string) => void): void {
  for (const a of namesOf(director.nodes(from))) {
    for (const b of namesOf(director.nodes(to))) {
      if (a === b) continue;
      change(a, b);
      if (isBoth) change(b, a);
    }
  }
}

async function swizzle(director: Director, victim: ClusterNode, forMs: number): Promise<void> {
  const { simulation } = director.stage;
  const { network } = simulation;
  for (const { name } of director.othersThan([victim])) {
    const cutAtMs = director.choice.between(0, Math.floor(forMs / 2));
    const healAtMs = director.choice.between(Math.ceil(forMs / 2), forMs);
    simulation.after(cutAtMs, () => network.partition([victim.name], [name]));
    simulation.after(healAtMs, () => {
      network.heal(victim.name, name);
      network.heal(name, victim.name);
    });
  }
  await simulation.runFor(forMs + 1);
}

function armPoint(
  { director, points }: Acting,
  victim: ClusterNode,
  point: {
    readonly isPowerCut: boolean;
    readonly call: FileCall | undefined;
    readonly suffix: string;
    readonly skip: number;
  },
): void {
  const { simulation, cluster } = director.stage;
  const { isPowerCut, call, suffix, skip } = point;
  points.arm(victim.name, {
    call,
    suffix,
    skip,
    isAfter: director.choice.chance(0.5),
    end: () => {
      victim.isWanted = false;
      simulation.after(0, () => {
        if (isPowerCut) cluster.crash(victim, 'random');
        else cluster.kill(victim);
      });
    },
  });
}
