/** What a scenario can wait for or expect. Each begins to be asked when its step comes. */
import type { ClusterNode } from '../simulation/cluster/simulated-cluster.js';
import { clientConditions } from './client-conditions.js';
import type { Director } from './director.js';

type Ask = () => boolean;

interface Rule {
  readonly pattern: RegExp;
  readonly ask: (director: Director, words: readonly string[]) => Ask;
}

const node = '([A-Z]|node-\\d+|the controller)';
const nodes = '((?:[A-Z]|node-\\d+)(?:(?:, | and )(?:[A-Z]|node-\\d+))*|all nodes)';
const partition = '([A-Z]|[\\w.]+-\\d+)';

const rules: readonly Rule[] = [
  ...clientConditions,
  rule(`the leader of ${partition} is ${node}`, (director, [name, who]) => () => {
    return director.image(name).leader === idOf(director.node(who)) && leads(director, director.node(who), name);
  }),
  rule(`the leader of ${partition} is not ${node}`, (director, [name, who]) => () => {
    const { leader } = director.image(name);
    return leader > 0 && leader !== idOf(director.node(who)) && leads(director, director.nodeById(leader), name);
  }),
  rule(
    `nobody leads ${partition}`,
    (director, [name]) =>
      () =>
        director.image(name).leader === -1,
  ),
  rule(`somebody leads ${partition}`, (director, [name]) => () => {
    const { leader } = director.image(name);
    return leader > 0 && leads(director, director.nodeById(leader), name);
  }),
  rule(`in sync for ${partition} (?:is|are) ${nodes}`, (director, [name, who]) => () => {
    return isSame(director.image(name).isr, director.nodes(who).map(idOf));
  }),
  rule(`in sync for ${partition} are (\\d+)`, (director, [name, count]) => () => {
    return director.image(name).isr.length === Number(count);
  }),
  rule(`${node} is in sync for ${partition}`, (director, [who, name]) => () => {
    return director.image(name).isr.includes(idOf(director.node(who)));
  }),
  rule(`${node} is not in sync for ${partition}`, (director, [who, name]) => () => {
    return !director.image(name).isr.includes(idOf(director.node(who)));
  }),
  rule(`${node} is eligible for ${partition}`, (director, [who, name]) => () => {
    return director.image(name).elr.includes(idOf(director.node(who)));
  }),
  rule(`${node} is not eligible for ${partition}`, (director, [who, name]) => () => {
    return !director.image(name).elr.includes(idOf(director.node(who)));
  }),
  rule(`${node} follows ${partition}`, (director, [who, name]) => () => {
    const replica = director.replica(director.node(who), name);
    return replica?.role === 'follower' && replica.leaderEpoch === director.image(name).leaderEpoch;
  }),
  rule(`${node} proposes ${node} for ${partition}`, (director, [who, other, name]) => () => {
    const leadership = director.replica(director.node(who), name)?.leadership;
    const id = idOf(director.node(other));
    return leadership !== undefined && leadership.maximalIsr.includes(id) && !leadership.isr.includes(id);
  }),
  rule(`${node} proposes nobody for ${partition}`, (director, [who, name]) => () => {
    const leadership = director.replica(director.node(who), name)?.leadership;
    return leadership !== undefined && isSame(leadership.maximalIsr, leadership.isr);
  }),
  rule(`${node} has more of ${partition} than ${node}`, (director, [who, name, other]) => () => {
    const ends = [who, other].map((each) => director.replica(director.node(each), name)?.endOffset ?? -1);
    return (ends[0] ?? -1) > (ends[1] ?? -1);
  }),
  rule(`${node} has unsynced records of ${partition}`, (director, [who, name]) => () => {
    const replica = director.replica(director.node(who), name);
    return replica !== undefined && replica.endOffset > replica.syncedEndOffset;
  }),
  rule(`${node} has records of ${partition} above its high watermark`, (director, [who, name]) => () => {
    const replica = director.replica(director.node(who), name);
    return replica !== undefined && replica.endOffset > replica.highWatermark;
  }),
  rule(`${node} has a new record of ${partition} above its high watermark`, (director, [who, name]) => {
    const before = director.replica(director.node(who), name)?.endOffset ?? 0;
    return () => {
      const replica = director.replica(director.node(who), name);
      return replica !== undefined && replica.endOffset > Math.max(replica.highWatermark, before);
    };
  }),
  rule(
    `${node} is the controller`,
    (director, [who]) =>
      () =>
        isController(director, director.node(who)),
  ),
  rule(`${node} is not the controller`, (director, [who]) => () => {
    const node = director.node(who);
    return director.stage.cluster.nodes.some((other) => other !== node && isController(director, other));
  }),
  rule(`${node} believes to be the controller`, (director, [who]) => () => {
    return director.node(who).leadsQuorumSinceMs !== undefined;
  }),
  rule(`${node} does not believe to be the controller`, (director, [who]) => () => {
    return director.node(who).leadsQuorumSinceMs === undefined;
  }),
  rule('somebody is the controller', (director) => () => {
    return director.stage.cluster.nodes.some((each) => isController(director, each));
  }),
  rule(`${nodes} (?:is|are) (up|down)`, (director, [who, state]) => () => {
    return director.nodes(who).every((each) => each.state === state);
  }),
  rule(`${nodes} (?:is|are) (active|fenced|shutting-down)`, (director, [who, state]) => () => {
    const { brokers } = director.stage.cluster.image;
    return director.nodes(who).every((each) => brokers.get(idOf(each))?.state === state);
  }),
  rule(`${node} is registered again`, (director, [who]) => {
    const epoch = (): number => director.stage.cluster.image.brokers.get(idOf(director.node(who)))?.brokerEpoch ?? -1;
    const before = epoch();
    return () => epoch() > before;
  }),
  rule('(\\d+) writes are acknowledged', (director, [count]) => {
    const sinceMs = director.stage.simulation.nowMs;
    return () => director.acknowledgedSince(sinceMs) >= Number(count);
  }),
  rule('a write is refused with (\\w+)', (director, [code]) => {
    const sinceMs = director.stage.simulation.nowMs;
    return () =>
      director.stage.history.sends.some(({ error, endedMs }) => endedMs >= sinceMs && error?.includes(code) === true);
  }),
  rule(
    `${node} has logged "([^"]+)"`,
    (director, [who, text]) =>
      () =>
        hasLogged(director, director.node(who), text),
  ),
  rule(
    'somebody has logged "([^"]+)"',
    (director, [text]) =>
      () =>
        hasLogged(director, undefined, text),
  ),
  rule(`${partition} is the (first|second) life of its topic at ${nodes}`, (director, [name, life, who]) => () => {
    const topicId = director.stage.cluster.image.topicByName(director.partition(name).topic)?.topicId;
    return director.nodes(who).every((each) => {
      return (director.replica(each, name)?.topicId === topicId) === (life === 'second');
    });
  }),
  rule(`${node} knows less of the high watermark of ${partition} than its leader`, (director, [who, name]) => () => {
    const leader = director.replica(director.nodeById(director.image(name).leader), name);
    const own = director.replica(director.node(who), name);
    return leader !== undefined && own !== undefined && own.highWatermark < leader.highWatermark;
  }),
  rule('leaders have changed at least (\\d+) times', (director, [count]) => () => {
    const { cluster, plan } = director.stage;
    const epochs = plan.config.topics.flatMap(({ name }) => cluster.image.topicByName(name)?.partitions ?? []);
    return epochs.reduce((sum, { leaderEpoch }) => sum + leaderEpoch, 0) >= Number(count);
  }),
  rule(`${partition} is not being moved`, (director, [name]) => () => {
    const { adding, removing } = director.image(name);
    return adding.length + removing.length === 0;
  }),
  rule(`${node} has no good log of ${partition}`, (director, [who, name]) => () => {
    const { running } = director.node(who);
    return (
      running?.problems.some((problem) => problem.includes(`the log of ${labelOf(director, name)} is offline`)) === true
    );
  }),
  rule(`${node} is a replica of ${partition}`, (director, [who, name]) => () => {
    return director.image(name).replicas.includes(idOf(director.node(who)));
  }),
  rule(`${node} is not a replica of ${partition}`, (director, [who, name]) => () => {
    return !director.image(name).replicas.includes(idOf(director.node(who)));
  }),
  rule('the term is at most (\\d+) above the noted one', (director, [more]) => () => {
    return termOf(director) <= director.noted('term') + Number(more);
  }),
];

function rule(text: string, ask: (director: Director, words: readonly [string, string, string]) => Ask): Rule {
  return {
    pattern: new RegExp(`^${text}$`),
    ask: (director, words) => ask(director, words as [string, string, string]),
  };
}

/** Undefined when the text is no condition. */
export function conditionOf(text: string): ((director: Director) => Ask) | undefined {
  for (const { pattern, ask } of rules) {
    const match = pattern.exec(text);
    if (match !== null) return (director) => ask(director, match.slice(1));
  }
  return undefined;
}

export function termOf({ stage }: Director): number {
  return Math.max(...stage.cluster.nodes.map(({ term }) => term));
}

export function idOf({ index }: ClusterNode): number {
  return index + 1;
}

function leads(director: Director, who: ClusterNode, name: string): boolean {
  const replica = director.replica(who, name);
  return replica?.role === 'leader' && replica.leaderEpoch === director.image(name).leaderEpoch;
}

/** In the newest term that anybody spoke of. */
function isController(director: Director, { leadsQuorumSinceMs, term, isPaused }: ClusterNode): boolean {
  return leadsQuorumSinceMs !== undefined && !isPaused && term === termOf(director);
}

function hasLogged({ lines }: Director, who: ClusterNode | undefined, text: string): boolean {
  return lines.some((line) => (who === undefined || line.node === who.name) && line.message.includes(text));
}

function labelOf(director: Director, name: string): string {
  const { topic, partition: index } = director.partition(name);
  return `${topic}-${index}`;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}
