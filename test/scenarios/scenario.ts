/**
 * A schedule of faults as readable text, one step a line. It runs in the simulator over the real cluster code; a seed
 * decides all that the text leaves open.
 *
 *     scenario S3: one power cut and two pauses           what it is called, and what happens in it
 *     nodes 5
 *     topic t: 1 partition, 3 replicas, min.insync.replicas=2
 *     transactors 2 over 3 partitions                     programs that write to a topic `ledger` in transactions
 *     copiers 2                                           a group that copies `ledger`, in transactions too
 *     group g: 4 members                                  consumers that share what they read
 *     group h: 3 members that commit themselves           all of them, each batch
 *     setting replica.lag.time.max.ms=500                 besides the usual ones of `plan-of.ts`
 *
 *     write every 10 ms                                   steps: `steps.ts` lists what they can be,
 *     let L be the leader of t-0                          a capital letter names a node or a partition
 *     power-cut L, unsynced data is lost
 *     await the leader of t-0 is not L                    conditions: `conditions.ts`
 *     repeat 3 times                                      what is indented below it
 *       pause a node for 1 s to 2 s
 *
 * A step that cannot be done, or that awaits in vain, breaks the scenario: the dangerous situation was not reached. After
 * the last step all is healed, and all that holds for seeds must hold here.
 */
export interface Scenario {
  /** As the catalogue of schedules numbers it, such as `S3`. */
  readonly id: string;
  readonly title: string;
  readonly nodes: number;
  readonly topics: readonly ScenarioTopic[];
  /** Undefined: none. */
  readonly transactors: { readonly count: number; readonly partitions: number } | undefined;
  readonly copiers: number;
  readonly groups: readonly ScenarioGroup[];
  readonly settings: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface ScenarioTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
  /** Whether it is deleted and created again on the way. */
  readonly isRecreated: boolean;
}

export interface ScenarioGroup {
  readonly name: string;
  readonly members: number;
  /** Whether each program commits what it has worked off itself; else some do. */
  readonly isManual: boolean;
}

export interface Step {
  readonly line: number;
  readonly text: string;
  /** What a repetition repeats. */
  readonly body: readonly Step[];
}

export class ScenarioSyntaxError extends Error {
  constructor(line: number, text: string, why: string) {
    super(`line ${line}, '${text}': ${why}`);
  }
}

interface Line {
  readonly line: number;
  readonly indent: number;
  readonly text: string;
}

const topicPattern = /^topic ([\w.-]+): (\d+) partitions?, (\d+) replicas?((?:, [\w.]+=[\w.-]+)*)( \(recreated\))?$/;

export function parseScenario(source: string): Scenario {
  const lines = linesOf(source);
  const [first] = lines;
  const heading = /^scenario (\w+): (.+)$/.exec(first?.text ?? '');
  if (heading === null) throw new ScenarioSyntaxError(1, first?.text ?? '', 'begins with `scenario <id>: <title>`');
  let nodes = 3;
  const topics: ScenarioTopic[] = [];
  let transactors: Scenario['transactors'];
  let copiers = 0;
  const groups: Scenario['groups'][number][] = [];
  const settings: Record<string, string> = {};
  let index = 1;
  for (; index < lines.length; index += 1) {
    const text = lines[index]?.text ?? '';
    const count = /^nodes (\d+)$/.exec(text);
    const topic = topicPattern.exec(text);
    const writing = /^transactors (\d+) over (\d+) partitions?$/.exec(text);
    const copying = /^copiers (\d+)$/.exec(text);
    const group = /^group ([\w-]+): (\d+) members?( that commit themselves)?$/.exec(text);
    const setting = /^setting ([\w.]+)=(\S+)$/.exec(text);
    if (count !== null) nodes = Number(count[1]);
    else if (topic !== null) topics.push(topicOf(topic));
    else if (writing !== null) transactors = { count: Number(writing[1]), partitions: Number(writing[2]) };
    else if (copying !== null) copiers = Number(copying[1]);
    else if (group !== null) groups.push(groupOf(group));
    else if (setting !== null) settings[setting[1] ?? ''] = setting[2] ?? '';
    else break;
  }
  const steps = stepsOf(lines.slice(index));
  return {
    id: heading[1] ?? '',
    title: heading[2] ?? '',
    nodes,
    topics,
    transactors,
    copiers,
    groups,
    settings,
    steps,
  };
}

function linesOf(source: string): Line[] {
  return source.split('\n').flatMap((raw, index) => {
    const text = raw.replace(/(^|\s)#.*$/, '').trim();
    return text === '' ? [] : [{ line: index + 1, indent: raw.length - raw.trimStart().length, text }];
  });
}

function topicOf(match: RegExpExecArray): ScenarioTopic {
  const [, name = '', partitions, replicas, configs = '', recreated] = match;
  const pairs = configs.split(', ').flatMap((pair) => {
    const [key = '', value = ''] = pair.split('=');
    return key === '' ? [] : [[key, value] as const];
  });
  return {
    name,
    partitions: Number(partitions),
    replicationFactor: Number(replicas),
    configs: Object.fromEntries(pairs),
    isRecreated: recreated !== undefined,
  };
}

function groupOf([, name = '', members, manual]: RegExpExecArray): ScenarioGroup {
  return { name, members: Number(members), isManual: manual !== undefined };
}

function stepsOf(lines: readonly Line[]): Step[] {
  const steps: Step[] = [];
  for (let index = 0; index < lines.length;) {
    const { line, text, indent } = lines[index] as Line;
    let end = index + 1;
    while (end < lines.length && (lines[end] as Line).indent > indent) end += 1;
    steps.push({ line, text, body: stepsOf(lines.slice(index + 1, end)) });
    index = end;
  }
  return steps;
}
