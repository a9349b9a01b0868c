/**
 * The consumer groups of a run. After healing each must come to rest by itself: every partition one owner, everything
 * committed up to its end, and no rebalance without a cause (D6, D7).
 */
import type { GroupDescription } from '@millrace/admin';
import type { FileSystem } from '@millrace/base';
import { auditGroupLogs } from '../checks/audit-group-log.js';
import { forgetfulTopics } from '../checks/expectation.js';
import { violation, type Violation } from '../checks/violation.js';
import { readGroupLogs } from '../cluster/read-groups.js';
import { dataDirectory } from '../cluster/simulated-cluster.js';
import type { GroupPlan } from '../plan/group-plan.js';
import type { MemberOperation } from '../plan/operation.js';
import type { AdministeringClient } from '../workload/administering-client.js';
import { MemberClient } from '../workload/member-client.js';
import type { Workload } from '../workload/workload.js';

/** Longer than a session, a rebalance timeout and the wait for a static member's session together. */
const settleMs = 90_000;
const pollMs = 200;
/** So long nothing may happen once it is at rest. */
const restMs = 1000;
/** Longer than a call from before the healing may hang, and a session after that. */
const missedMs = 15_000;

export class GroupPhases {
  readonly members: readonly MemberClient[];
  readonly #workload: Workload;
  readonly #violations: Violation[];
  readonly #groups: readonly GroupPlan[];

  constructor(workload: Workload, violations: Violation[]) {
    this.#workload = workload;
    this.#violations = violations;
    this.#groups = workload.plan.config.groups ?? [];
    this.members = this.#groups.flatMap((group) =>
      group.members.map((_, index) => new MemberClient(workload, group, index)),
    );
  }

  open(): void {
    for (const member of this.members) if (member.isEarly) member.start();
  }

  perform(operation: MemberOperation): void {
    const ofGroup = this.members.filter(({ group }) => group.name === operation.group);
    ofGroup[operation.member % ofGroup.length]?.perform(operation);
  }

  /** Nobody sleeps any more; each group has somebody. */
  heal(): void {
    for (const member of this.members) member.wake();
    for (const group of this.#groups) {
      const ofGroup = this.members.filter((member) => member.group === group);
      if (!ofGroup.some(({ isIn }) => isIn)) ofGroup[0]?.start();
    }
  }

  /** `counts`: partitions of all topics. */
  async settle(admin: AdministeringClient, counts: ReadonlyMap<string, number>): Promise<void> {
    for (const group of this.#groups) await this.#settle(group, admin, counts);
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }

  /** What each group has committed, once nobody is in it. */
  async note(admin: AdministeringClient, label: string): Promise<void> {
    const { history } = this.#workload;
    for (const { name } of this.#groups) {
      const described = await admin.describeGroup(name);
      for (const { topic, partition, committed } of described?.offsets ?? []) {
        if (committed !== null) history.groups.finals.push({ label, group: name, topic, partition, offset: committed });
      }
    }
  }

  /** In the end, on what all nodes have on their disks. */
  audit(disks: readonly FileSystem[]): Violation[] {
    const { history, marks, plan } = this.#workload;
    if (this.#groups.length === 0 && (plan.config.transactions?.copiers ?? []).length === 0) return [];
    const logs = disks.flatMap((files) => readGroupLogs(files, dataDirectory));
    const topics = new Set(plan.config.topics.filter(({ role }) => role !== 'churned').map(({ name }) => name));
    const forgetful = forgetfulTopics(plan);
    return auditGroupLogs({ groups: this.#groups, logs, history: history.groups, marks, topics, forgetful });
  }

  async #settle(group: GroupPlan, admin: AdministeringClient, counts: ReadonlyMap<string, number>): Promise<void> {
    const { simulation } = this.#workload;
    const describe = (): Promise<GroupDescription | undefined> =>
      simulation.complete(admin.describeGroup(group.name), settleMs);
    const startedMs = simulation.nowMs;
    let before: GroupDescription | undefined;
    let after: GroupDescription | undefined;
    do {
      for (;;) {
        // Somebody who was to come back may have been the last one to leave.
        this.heal();
        before = await describe();
        const missing = before === undefined ? ['there is no such group'] : this.#missing(group, before, counts);
        if (missing.length === 0) break;
        if (simulation.nowMs > startedMs + settleMs) {
          const text = `group ${group.name} does not come to rest after healing`;
          this.#violations.push(violation('D7', text, [...missing.slice(0, 6), ...linesOf(before)]));
          return;
        }
        await simulation.runFor(pollMs);
      }
      await simulation.runFor(restMs);
      after = await describe();
      if (after?.epoch === before?.epoch) return;
      // Who hung on a call when all was healed is missed a session later, although it is there.
    } while (simulation.nowMs < startedMs + missedMs && hasPutOut(after, before?.epoch ?? 0));
    const text = `group ${group.name} went from epoch ${before?.epoch} to ${after?.epoch} though nothing happened`;
    this.#violations.push(violation('D7', text, linesOf(after)));
  }

  /** What keeps it from rest; when it is stable, each partition has one owner, who has read and committed everything. */
  #missing(
    group: GroupPlan,
    { state, members, offsets }: GroupDescription,
    counts: ReadonlyMap<string, number>,
  ): string[] {
    const ofGroup = this.members.filter((member) => member.group === group);
    const there = ofGroup.filter(({ isIn }) => isIn).length;
    const missing: string[] = [];
    for (const { node, isOnItsWay, isBusy, holdings } of ofGroup) {
      if (isOnItsWay) missing.push(`${node} is on its way in or out`);
      if (isBusy) missing.push(`${node} has something in hand`);
      // One that waits for the session of who had its instance id before: that will be a rebalance too.
      if (holdings !== undefined && !members.some(({ clientId }) => clientId === holdings.name)) {
        missing.push(`${holdings.name} is not a member yet`);
      }
      const told = members.find(({ clientId }) => clientId === holdings?.name)?.assignment ?? [];
      const toldLabels = told.flatMap(({ topic, partitions }) => partitions.map((each) => `${topic}-${each}`));
      if (!isSame(toldLabels, holdings?.partitions ?? [])) {
        missing.push(`${node} is to have ${toldLabels.join()}, and has ${holdings?.partitions.join() ?? ''}`);
      }
    }
    if (state !== 'stable') missing.push(`it is ${state}`);
    if (members.length !== there) missing.push(`it has ${members.length} members, and ${there} programs run`);
    const owners = new Map<string, number>();
    for (const { assignment } of members) {
      for (const { topic, partitions } of assignment) {
        for (const each of partitions) owners.set(`${topic}-${each}`, (owners.get(`${topic}-${each}`) ?? 0) + 1);
      }
    }
    for (const [topic, count] of counts) {
      for (let partition = 0; isRead(group, topic) && partition < count; partition += 1) {
        const label = `${topic}-${partition}`;
        const offset = offsets.find((each) => each.topic === topic && each.partition === partition);
        const { committed = null, end = null } = offset ?? {};
        if (owners.get(label) !== 1) missing.push(`${label} has ${owners.get(label) ?? 0} owners`);
        if (committed === null || committed !== end) missing.push(`${label} ends at ${end}, committed is ${committed}`);
      }
    }
    return missing;
  }
}

function hasPutOut(described: GroupDescription | undefined, sinceEpoch: number): boolean {
  return (
    described?.rebalances.some(({ epoch, trigger }) => epoch > sinceEpoch && trigger === 'member-expired') === true
  );
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each));
}

/** A topic may be read no more that was read before. */
function isRead({ topics, pattern }: GroupPlan, topic: string): boolean {
  return pattern === '' ? topics.includes(topic) : pattern === '*' || topic.startsWith(pattern.slice(0, -1));
}

function linesOf(described: GroupDescription | undefined): string[] {
  if (described === undefined) return [];
  const { members, rebalances, epoch, state } = described;
  return [
    `${state} at epoch ${epoch}`,
    ...members.map(
      (member) => `${member.clientId} ${member.state} at epoch ${member.epoch}: ${JSON.stringify(member.assignment)}`,
    ),
    ...rebalances.slice(-4).map(({ epoch: each, trigger, detail }) => `epoch ${each}: ${trigger}: ${detail}`),
  ];
}
