/**
 * What members of consumer groups were given, and what was committed for them:
 * - D1: a member gets no record of a partition that is not its own at that moment;
 * - C8: within one ownership offsets follow each other;
 * - D5: whoever gets a partition begins no lower than what was acknowledged as committed;
 * - D8: at-least-once leaves no record out, at-most-once hands none out twice;
 * - D4, D5: what was committed in the end is there after a restart, and lies in the log.
 *
 * Who owned what at the same time is judged where the coordinator's log is at hand: `audit-group-log.ts`.
 */
import type { GroupPlan } from '../plan/group-plan.js';
import type { Ownership } from '../workload/group-history.js';
import { partitionLabel, type Drain, type History } from '../workload/history.js';
import type { TopicExpectation } from './expectation.js';
import { violation, type Violation } from './violation.js';

export interface GroupExpectations {
  readonly groups: readonly GroupPlan[];
  readonly topics: ReadonlyMap<string, TopicExpectation>;
  /** Whether nobody crashed or was cut off: then at-most-once hands everything out too. */
  readonly isQuiet: boolean;
}

export function checkGroups(history: History, expectations: GroupExpectations): Violation[] {
  if (expectations.groups.length === 0) return [];
  const isJudged = (topic: string): boolean => expectations.topics.get(topic)?.isDurable === true;
  const ownerships = history.groups.ownerships.filter(({ topic }) => isJudged(topic));
  return [
    ...strays(history),
    ...jumps(history, ownerships),
    ...lostCommits(history, ownerships),
    ...expectations.groups.flatMap((group) => deliveries(history, group, ownerships, expectations)),
    ...finals(history, isJudged),
  ];
}

function strays({ groups }: History): Violation[] {
  if (groups.strays.length === 0) return [];
  const evidence = groups.strays.map(
    ({ member, topic, partition, offset, readMs }) =>
      `${member} got ${topic}-${partition} offset ${offset} at ${readMs.toFixed(1)} ms`,
  );
  return [violation('D1', 'a member got records of partitions that were not its own', evidence)];
}

function jumps(history: History, ownerships: readonly Ownership[]): Violation[] {
  const deletable = deletableOffsets(history);
  const found: Violation[] = [];
  for (const ownership of ownerships) {
    let expected = -1;
    for (const { offset } of ownership.deliveries) {
      const isPassing = offset > expected && offset <= (deletable.get(partitionLabel(ownership)) ?? 0);
      if (expected >= 0 && offset !== expected && !isPassing) {
        found.push(violation('C8', `${nameOf(ownership)} got offset ${offset} where ${expected} was next`));
      }
      expected = offset + 1;
    }
  }
  return found.slice(0, 3);
}

function lostCommits({ groups }: History, ownerships: readonly Ownership[]): Violation[] {
  const found: Violation[] = [];
  for (const ownership of ownerships) {
    const first = ownership.deliveries[0];
    if (first === undefined) continue;
    const lost = groups.commits.find(
      ({ group, topic, partition, offset, error, endedMs }) =>
        group === ownership.group &&
        topic === ownership.topic &&
        partition === ownership.partition &&
        error === undefined &&
        endedMs <= ownership.fromMs &&
        offset > first.offset,
    );
    if (lost === undefined) continue;
    const text = `${nameOf(ownership)} begins at ${first.offset}, though ${lost.offset} had been committed`;
    const evidence = `${lost.member} committed it, answered at ${lost.endedMs.toFixed(1)} ms`;
    found.push(violation('D5', text, [evidence]));
  }
  return found.slice(0, 3);
}

function deliveries(
  history: History,
  { name, delivery }: GroupPlan,
  ownerships: readonly Ownership[],
  { isQuiet }: GroupExpectations,
): Violation[] {
  const counts = new Map<string, { given: number; processed: number; members: string[] }>();
  for (const ownership of ownerships) {
    if (ownership.group !== name) continue;
    for (const { offset, processedMs } of ownership.deliveries) {
      const key = `${partitionLabel(ownership)}@${offset}`;
      const count = counts.get(key) ?? { given: 0, processed: 0, members: [] };
      counts.set(key, count);
      count.given += 1;
      count.members.push(ownership.member);
      if (processedMs < Infinity) count.processed += 1;
    }
  }
  const found: Violation[] = [];
  if (delivery === 'at-most-once') {
    const twice = [...counts].filter(([, { given }]) => given > 1);
    const evidence = twice.map(([key, { members }]) => `${key} went to ${members.join(', ')}`);
    if (twice.length > 0) found.push(violation('D8', `at-most-once: ${name} got records twice`, evidence));
    if (!isQuiet) return found;
  }
  for (const final of history.groups.finals) {
    if (final.group !== name || final.label !== 'before the end') continue;
    const drain = drainOf(history, final);
    if (drain === undefined) continue;
    const missed = drain.records.filter(({ offset }) => {
      const count = counts.get(`${partitionLabel(final)}@${offset}`);
      const isThere = delivery === 'at-most-once' ? count?.given : count?.processed;
      return offset < final.offset && (isThere ?? 0) === 0;
    });
    if (missed.length === 0 || !ownerships.some(({ topic }) => topic === final.topic)) continue;
    const text = `${name} committed ${final.offset} of ${partitionLabel(final)}, and ${missed.length} records before it were never processed`;
    const evidence = missed.map(({ offset, value }) => `${value} at offset ${offset}`);
    found.push(violation('D8', text, evidence));
  }
  return found;
}

function finals(history: History, isJudged: (topic: string) => boolean): Violation[] {
  const found: Violation[] = [];
  const before = history.groups.finals.filter(({ label }) => label === 'before the end');
  const after = new Map(
    history.groups.finals
      .filter(({ label }) => label !== 'before the end')
      .map((final) => [`${final.group} ${partitionLabel(final)}`, final.offset]),
  );
  for (const final of before) {
    if (!isJudged(final.topic)) continue;
    const { group, offset } = final;
    const label = partitionLabel(final);
    const endOffset = drainOf(history, final)?.endOffset ?? Infinity;
    if (offset > endOffset) {
      found.push(violation('D4', `${group} committed ${offset} of ${label}, which ends at ${endOffset}`));
    }
    if (after.size === 0 || after.get(`${group} ${label}`) === offset) continue;
    const now = after.get(`${group} ${label}`) ?? 'nothing';
    found.push(violation('D5', `${group} had committed ${offset} of ${label}; after the restart it has ${now}`));
  }
  return found;
}

function drainOf({ drains }: History, { topic, partition }: { topic: string; partition: number }): Drain | undefined {
  return drains.find((drain) => drain.topic === topic && drain.partition === partition);
}

function deletableOffsets(history: History): Map<string, number> {
  const deletable = new Map<string, number>();
  for (const deletion of history.deletions) {
    const label = partitionLabel(deletion);
    deletable.set(label, Math.max(deletable.get(label) ?? 0, deletion.beforeOffset));
  }
  return deletable;
}

function nameOf({ member, topic, partition, fromMs }: Ownership): string {
  return `${member}, owner of ${topic}-${partition} from ${fromMs.toFixed(1)} ms,`;
}
