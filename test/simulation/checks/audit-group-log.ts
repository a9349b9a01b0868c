/**
 * The history of every group as its coordinators wrote it, replayed from the disks in the end (`group-ledger.ts`), and held
 * against what members saw: two members own a partition at the same time only when the coordinator had put the first one
 * out, who could not know (D1).
 */
import type { GroupLog } from '../cluster/read-groups.js';
import type { GroupPlan } from '../plan/group-plan.js';
import type { Marks } from '../report/marks.js';
import type { GroupHistory, Ownership } from '../workload/group-history.js';
import { partitionLabel } from '../workload/history.js';
import { GroupLedger } from './group-ledger.js';
import { violation, type Violation } from './violation.js';

export interface GroupAudit {
  readonly groups: readonly GroupPlan[];
  /** Of all disks. */
  readonly logs: readonly GroupLog[];
  readonly history: GroupHistory;
  readonly marks: Marks;
  /** Topics whose name means the same for the whole run. */
  readonly topics: ReadonlySet<string>;
  /** Topics that may lose what was acknowledged. */
  readonly forgetful: ReadonlySet<string>;
}

export function auditGroupLogs({ groups, logs, history, marks, topics, forgetful }: GroupAudit): Violation[] {
  const ledgers = new Map<string, GroupLedger>();
  for (const log of longest(logs)) {
    for (const { records } of log.batches) {
      for (const record of records) {
        const name = record.key[1];
        let ledger = ledgers.get(name);
        if (ledger === undefined) {
          const mayRewind = groups.find((group) => group.name === name)?.delivery === 'at-most-once';
          ledger = new GroupLedger({ mayRewind, forgetful, topics });
          ledgers.set(name, ledger);
        }
        ledger.apply(record);
      }
      for (const name of new Set(records.map(({ key }) => key[1]))) ledgers.get(name)?.checkOwners();
    }
  }
  const found: Violation[] = [];
  for (const [name, { problems, rebalances, putOut }] of ledgers) {
    marks.hit('group-rebalanced', rebalances);
    marks.hit('member-put-out', putOut.size);
    for (const { invariant, text } of problems.slice(0, 3)) found.push(violation(invariant, `${name}: ${text}`));
    const ownerships = history.ownerships.filter(({ group, topic }) => group === name && topics.has(topic));
    found.push(...overlaps(ownerships, putOut));
  }
  return found;
}

/** Of each partition the log that goes on longest: all agree as far as they go. */
function longest(logs: readonly GroupLog[]): Iterable<GroupLog> {
  const byLabel = new Map<string, GroupLog>();
  for (const log of logs) {
    if (log.endOffset > (byLabel.get(log.label)?.endOffset ?? -1)) byLabel.set(log.label, log);
  }
  return byLabel.values();
}

function overlaps(ownerships: readonly Ownership[], putOut: ReadonlySet<string>): Violation[] {
  const found: Violation[] = [];
  const latest = new Map<string, Ownership>();
  for (const ownership of [...ownerships].sort((a, b) => a.fromMs - b.fromMs)) {
    const label = partitionLabel(ownership);
    const before = latest.get(label);
    if (before !== undefined && before.toMs > ownership.fromMs && !putOut.has(before.memberId)) {
      const text = `${label} was ${before.member}'s until ${before.toMs.toFixed(1)} ms and ${ownership.member}'s from ${ownership.fromMs.toFixed(1)} ms on`;
      found.push(violation('D1', text));
    }
    if (before === undefined || ownership.toMs >= before.toMs) latest.set(label, ownership);
  }
  return found.slice(0, 3);
}
