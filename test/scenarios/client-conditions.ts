/** Conditions about members of groups and transactional programs. */
import { dataDirectory } from '../simulation/cluster/simulated-cluster.js';
import { walkLog } from '../simulation/cluster/walk-log.js';
import type { TransactionEntry } from '../simulation/workload/transaction-history.js';
import type { Director } from './director.js';

interface ClientCondition {
  readonly pattern: RegExp;
  readonly ask: (director: Director, words: readonly string[]) => () => boolean;
}

const node = '([A-Z]|node-\\d+|the controller)';
const partition = '([A-Z]|[\\w.]+-\\d+)';

export const clientConditions: readonly ClientCondition[] = [
  condition('a commit is asked for', ({ stage }) => {
    const isAsked = ({ outcome, commitAskedMs, writes }: TransactionEntry): boolean =>
      outcome === 'pending' && commitAskedMs < Infinity && writes.length > 0;
    const before = stage.history.transactions.entries.filter(isAsked);
    return () => stage.history.transactions.entries.some((entry) => isAsked(entry) && !before.includes(entry));
  }),
  condition('(\\d+) transactions are committed', ({ stage }, [count]) => {
    const sinceMs = stage.simulation.nowMs;
    return () => {
      const { entries } = stage.history.transactions;
      return (
        entries.filter(({ endedMs, outcome }) => outcome === 'committed' && endedMs >= sinceMs).length >= Number(count)
      );
    };
  }),
  condition(`${partition} has more markers at ${node} than noted`, (director, [name = '', who = '']) => () => {
    return markersOf(director, name, who) > director.noted('markers');
  }),
  condition('each transactor used up at most (\\d+) epochs of one producer id', (director, [most]) => () => {
    return director.stage.transactors.every(({ transactionalId }) => {
      const grown = (what: string): number =>
        director.noted(`${what} of ${transactionalId} after`) - director.noted(`${what} of ${transactionalId} before`);
      return grown('producer') === 0 && grown('epoch') <= Number(most);
    });
  }),
  condition('all transactors are at rest', ({ stage }) => {
    return () => stage.transactors.every(({ isBusy }) => !isBusy);
  }),
  condition('(\\d+) records are copied', ({ stage }, [count]) => {
    const before = stage.marks.count('record-copied');
    return () => stage.marks.count('record-copied') >= before + Number(count);
  }),
  condition('members are given (\\d+) records', ({ stage }, [count]) => {
    const given = (): number =>
      stage.history.groups.ownerships.reduce((sum, { deliveries }) => sum + deliveries.length, 0);
    const before = given();
    return () => given() >= before + Number(count);
  }),
  condition('another member has committed more than what is held', (director) => () => {
    const { commit } = director.requireHeld();
    return director.stage.history.groups.commits.some((other) => {
      const isSame = other.topic === commit.topic && other.partition === commit.partition;
      const isDone = other.endedMs < Infinity && other.error === undefined;
      return isSame && isDone && other.member !== commit.member && other.offset > commit.offset;
    });
  }),
  condition('the held commit is (refused|answered)', (director, [how]) => () => {
    const { endedMs, error } = director.requireHeld().commit;
    return endedMs < Infinity && (how === 'answered' || error !== undefined);
  }),
  condition('members have been given partitions at least (\\d+) times', ({ stage }, [count]) => () => {
    return stage.history.groups.ownerships.length >= Number(count);
  }),
];

function condition(text: string, ask: ClientCondition['ask']): ClientCondition {
  return { pattern: new RegExp(`^${text}$`), ask };
}

/** How many ends of transactions a partition's log has there, whether synced or not. */
export function markersOf(director: Director, name: string, who: string): number {
  const { topic, partition: index } = director.partition(name);
  const files = director.stage.simulation.disk(director.node(who).name).files();
  let count = 0;
  walkLog(files, `${dataDirectory}/${topic}-${index}`, ({ isControl }) => {
    if (isControl) count += 1;
  });
  return count;
}
