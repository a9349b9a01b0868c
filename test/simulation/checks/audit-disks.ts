/**
 * Looks at what would be left of every node's disk if all power went now and everything unsynced was lost (A11, G1):
 * what was acknowledged must be there already, on as many replicas as the acknowledgement promised. Nothing is
 * disturbed: the power cut happens to a copy.
 */
import type { RandomStream } from '@millrace/base';
import type { SimulatedDisk } from '@millrace/testkit';
import { scanLog, type ScannedLog } from '../cluster/scan-log.js';
import type { Plan, TopicPlan } from '../plan/plan.js';
import { partitionLabel, type History, type Send } from '../workload/history.js';
import { sendText } from './describe.js';
import { expectationsOf } from './expectation.js';
import { violation, type Violation } from './violation.js';

export interface AuditOptions {
  readonly plan: Plan;
  readonly history: History;
  readonly disks: readonly SimulatedDisk[];
  readonly dataDirectory: string;
  readonly random: RandomStream;
}

export function auditDisks(options: AuditOptions): Violation[] {
  const { plan, history, disks, dataDirectory, random } = options;
  const expectations = expectationsOf(plan);
  const acknowledged = new Map<string, Send[]>();
  for (const send of history.sends) {
    const { topic, outcome, acks, offset } = send;
    const promised = expectations.get(topic)?.topic;
    const isPromised = promised !== undefined && promised.role !== 'churned' && isSynced(promised);
    if (!isPromised || outcome !== 'ok' || acks !== 'all' || offset < 0) continue;
    const label = partitionLabel(send);
    const sends = acknowledged.get(label);
    if (sends === undefined) acknowledged.set(label, [send]);
    else sends.push(send);
  }
  if (acknowledged.size === 0) return [];
  const files = disks.map((disk) => disk.crash('lost', random).files());
  const found: Violation[] = [];
  for (const [label, sends] of acknowledged) {
    const topic = expectations.get(sends[0]?.topic ?? '')?.topic;
    const logs = files.map((each) => scanLog(each, `${dataDirectory}/${label}`));
    const needed = topic === undefined ? 1 : minInSync(topic);
    const missing = sends.filter((send) => copiesOf(send, logs) < needed && !isDeleted(send, history));
    if (missing.length === 0) continue;
    const text = `${missing.length} acknowledged records of ${label} are not synced on ${needed} disks`;
    const ends = logs.map((log) => `synced here: ${log.startOffset} to ${log.endOffset}`);
    found.push(violation('A11', text, [...ends, ...missing.map(sendText)]));
  }
  return found;
}

function isSynced({ configs }: TopicPlan): boolean {
  return configs['durability'] !== 'replicated';
}

export function minInSync({ configs, replicationFactor }: TopicPlan): number {
  const usual = replicationFactor >= 3 ? 2 : 1;
  return Math.min(Number(configs['min.insync.replicas'] ?? usual), replicationFactor);
}

function copiesOf(send: Send, logs: readonly ScannedLog[]): number {
  return logs.filter((log) => log.records.get(send.offset)?.value === send.value).length;
}

function isDeleted(send: Send, history: History): boolean {
  return history.deletions.some(
    ({ topic, partition, beforeOffset }) =>
      topic === send.topic && partition === send.partition && send.offset < beforeOffset,
  );
}
