/**
 * C1: what was acknowledged with acks=all is in every later drain, at the offset that was told.
 * C9: what a consumer got is there for ever: a record at or above the high watermark could vanish again.
 */
import { partitionLabel, type Drain, type History } from '../workload/history.js';
import { readText, sendText } from './describe.js';
import type { TopicExpectation } from './expectation.js';
import { violation, type Violation } from './violation.js';

export function checkDurability(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const deletable = deletableOffsets(history);
  return history.drains.flatMap((drain) => {
    const expectation = expectations.get(drain.topic);
    if (expectation?.isDurable !== true) return [];
    const label = partitionLabel(drain);
    const kept = new Map(drain.records.map(({ offset, value }) => [offset, value]));
    const mayBeGone = (offset: number): boolean =>
      offset < drain.startOffset &&
      offset < (deletable.get(label) ?? 0) &&
      drain.startOffset <= (deletable.get(label) ?? 0);
    return [...lostSends(history, drain, kept, mayBeGone), ...lostReads(history, drain, kept, mayBeGone)];
  });
}

/** Below which offset somebody asked to delete, by partition. */
function deletableOffsets(history: History): Map<string, number> {
  const deletable = new Map<string, number>();
  for (const deletion of history.deletions) {
    const label = partitionLabel(deletion);
    deletable.set(label, Math.max(deletable.get(label) ?? 0, deletion.beforeOffset));
  }
  return deletable;
}

type Kept = ReadonlyMap<number, string>;

function lostSends(history: History, drain: Drain, kept: Kept, mayBeGone: (offset: number) => boolean): Violation[] {
  const lost = history.sends.filter(
    ({ topic, partition, outcome, acks, offset, value }) =>
      topic === drain.topic &&
      partition === drain.partition &&
      outcome === 'ok' &&
      acks === 'all' &&
      offset >= 0 &&
      !mayBeGone(offset) &&
      kept.get(offset) !== value,
  );
  if (lost.length === 0) return [];
  const evidence = lost.map((send) => `${sendText(send)}; there now: ${kept.get(send.offset) ?? 'nothing'}`);
  const text = `${lost.length} acknowledged records are not in ${partitionLabel(drain)} ${drain.label}`;
  return [violation('C1', text, [drainText(drain), ...evidence])];
}

function lostReads(history: History, drain: Drain, kept: Kept, mayBeGone: (offset: number) => boolean): Violation[] {
  const lost = history.reads.filter(
    ({ topic, partition, offset, value }) =>
      topic === drain.topic && partition === drain.partition && !mayBeGone(offset) && kept.get(offset) !== value,
  );
  if (lost.length === 0) return [];
  const evidence = lost.map((read) => `${readText(read)}; there now: ${kept.get(read.offset) ?? 'nothing'}`);
  const text = `${lost.length} records that consumers got are not in ${partitionLabel(drain)} ${drain.label}`;
  return [violation('C9', text, [drainText(drain), ...evidence])];
}

function drainText({ label, topic, partition, startOffset, endOffset }: Drain): string {
  return `drain ${label}: ${topic}-${partition} from ${startOffset} to ${endOffset}`;
}
