/** Steps about members of groups and transactional programs. */
import type { MemberClient } from '../simulation/workload/member-client.js';
import type { GroupCommit } from '../simulation/workload/group-history.js';
import type { Transactor } from '../simulation/workload/transactor.js';
import { markersOf } from './client-conditions.js';
import { NotReached, type Director, type HeldCommit } from './director.js';

interface ClientStep {
  readonly pattern: RegExp;
  readonly act: (director: Director, words: readonly string[]) => Promise<void> | void;
}

const time = '([\\d.]+ m?s(?: to [\\d.]+ m?s)?)';
const node = '([A-Z]|node-\\d+|the controller)';
const partition = '([A-Z]|[\\w.]+-\\d+)';

const patienceMs = 20_000;
/** In which a request is made and sent. */
const requestMs = 1;

export const clientSteps: readonly ClientStep[] = [
  step(`transact every ${time}(?:, held for ${time})?`, (director, [every = '', held]) => {
    director.startTransacting(director.durationMs(every), () => (held === undefined ? 0 : director.durationMs(held)));
  }),
  step('stop transacting', (director) => director.stopTransacting()),
  step(`(kill|pause) a transactor for ${time}`, (director, [how, text = '']) => {
    aTransactor(director).perform({ action: how === 'kill' ? 'kill' : 'pause', forMs: director.durationMs(text) });
  }),
  step('restart all transactors', ({ stage }) => {
    for (const each of stage.transactors) each.perform({ action: 'restart', forMs: 0 });
  }),
  step('note the epochs (before|after)', async (director, [when = '']) => {
    const { transactors, simulation, admin } = director.stage;
    for (const { transactionalId } of transactors) {
      const { producerId, epoch } = await simulation.complete(admin.producerOf(transactionalId), 60_000);
      director.note(`producer of ${transactionalId} ${when}`, producerId);
      director.note(`epoch of ${transactionalId} ${when}`, epoch);
    }
  }),
  step(`note the markers of ${partition} at ${node}`, (director, [name = '', who = '']) => {
    director.note('markers', markersOf(director, name, who));
  }),
  step(`(kill|pause) a copier for ${time}`, (director, [how, text = '']) => {
    const action = how === 'kill' ? 'kill' : 'pause';
    director.choice.of(director.stage.copiers).perform({ action, forMs: director.durationMs(text) });
  }),
  step(`cut ${node} -> the copiers`, (director, [who = '']) => {
    const { copiers, simulation } = director.stage;
    for (const copier of copiers) simulation.network.cut(director.node(who).name, copier.node);
  }),
  step(`(kill|pause) a member for ${time}`, (director, [how, text = '']) => {
    aMember(director).perform({ action: how === 'kill' ? 'kill' : 'pause', forMs: director.durationMs(text) });
  }),
  step('a member (leaves|comes|comes again)', (director, [how]) => {
    const action = how === 'leaves' ? 'leave' : how === 'comes' ? 'start' : 'restart';
    aMember(director).perform({ action, forMs: 0 });
  }),
  step(
    `hold the next commit to ${node}(?: while its member sleeps for ${time})?`,
    async (director, [who = '', text]) => {
      director.held = await holdCommit(director, director.node(who).name);
      if (text !== undefined) director.held.member.pause(director.durationMs(text));
    },
  ),
  step('let the held commit go', (director) => {
    const { member, to } = director.requireHeld();
    director.stage.simulation.network.heal(member.node, to);
  }),
  step(`cut ${node} -> the producers`, (director, [who = '']) => {
    const { producers, simulation } = director.stage;
    for (const producer of producers) simulation.network.cut(director.node(who).name, producer.node);
  }),
  step('kill the producers', ({ stage }) => {
    for (const producer of stage.producers) void producer.restart(false);
  }),
  step('(kill|restart) a consumer', (director, [how]) => {
    void director.choice.of(director.stage.consumers).restart(how === 'restart');
  }),
];

function step(text: string, act: ClientStep['act']): ClientStep {
  return { pattern: new RegExp(`^${text}$`), act };
}

/** What the member sends from the moment on in which its program asks for a commit comes when the link is mended. */
async function holdCommit({ stage }: Director, to: string): Promise<HeldCommit> {
  const { simulation, history, members } = stage;
  const { commits } = history.groups;
  const before = commits.length;
  await simulation.runUntil(() => commits.length > before, patienceMs);
  const commit = commits[before] as GroupCommit;
  const member = members.find(({ holdings }) => holdings?.name === commit.member);
  if (member === undefined) throw new NotReached(`${commit.member} is gone already`);
  simulation.network.cut(member.node, to);
  await simulation.runFor(requestMs);
  return { commit, member, to };
}

function aTransactor({ stage, choice }: Director): Transactor {
  return choice.of(stage.transactors);
}

function aMember({ stage, choice }: Director): MemberClient {
  return choice.of(stage.members);
}
