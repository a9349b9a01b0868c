/**
 * The log of a partition that is written in transactions, as it is on the disks in the end:
 * - E3: no producer writes under an epoch older than one that was there before;
 * - E4: no transaction is open for ever;
 * - E5: one marker for each epoch of a producer.
 */
import type { FileSystem } from '@millrace/base';
import { walkLog } from '../cluster/walk-log.js';
import { violation, type Violation } from './violation.js';

interface ProducerTrace {
  epoch: number;
  /** Offset of the first record of what is open; -1: nothing. */
  openFrom: number;
  readonly markers: Set<number>;
}

export function auditLedger(disks: readonly FileSystem[], directory: string): Violation[] {
  return disks.flatMap((files) => (files.stat(directory) === undefined ? [] : auditLog(files, directory))).slice(0, 3);
}

function auditLog(files: FileSystem, directory: string): Violation[] {
  const producers = new Map<number, ProducerTrace>();
  const found: Violation[] = [];
  const { endOffset } = walkLog(files, directory, (batch) => {
    const { producerId, producerEpoch, baseOffset, isControl, isTransactional } = batch;
    if (producerId < 0) return;
    let trace = producers.get(producerId);
    if (trace === undefined) {
      trace = { epoch: producerEpoch, openFrom: -1, markers: new Set() };
      producers.set(producerId, trace);
    }
    const where = `offset ${baseOffset} of ${directory}: producer ${producerId}`;
    if (producerEpoch < trace.epoch) {
      found.push(violation('E3', `${where} writes under epoch ${producerEpoch} after ${trace.epoch}`));
    }
    trace.epoch = Math.max(trace.epoch, producerEpoch);
    if (isControl) {
      if (trace.markers.has(producerEpoch)) {
        found.push(violation('E5', `${where} has a second marker under epoch ${producerEpoch}`));
      }
      trace.markers.add(producerEpoch);
      trace.openFrom = -1;
    } else if (isTransactional && trace.openFrom === -1) trace.openFrom = baseOffset;
  });
  for (const [producerId, { openFrom, epoch }] of producers) {
    if (openFrom === -1) continue;
    const text = `${directory} up to ${endOffset}: a transaction of producer ${producerId}, epoch ${epoch}, is open from ${openFrom} on`;
    found.push(violation('E4', text));
  }
  return found;
}
