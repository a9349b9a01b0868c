import { MillraceError } from '@millrace/base';
import { ManualClock } from '@millrace/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchDeliveries } from '../src/batch-deliveries.js';
import type { DeliveryCallback } from '../src/producer-record.js';

const clock = new ManualClock();

/** Callbacks that say which of them was called, and with what. */
function callbacks(count: number): { calls: string[]; all: DeliveryCallback[] } {
  const calls: string[] = [];
  const all = Array.from({ length: count }, (_, which): DeliveryCallback => {
    return (error, partition, offset) => calls.push(`${which}: ${error?.code ?? 'ok'} ${partition} ${offset}`);
  });
  return { calls, all };
}

describe('deliveries of a batch', () => {
  test('every record with a callback is told its own offset, in order, whichever records share one', () => {
    const choices = fc.array(fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), { minLength: 1 });
    fc.assert(
      fc.property(choices, fc.boolean(), fc.nat(20), (records, fails, firstOffset) => {
        const { calls, all } = callbacks(3);
        const deliveries = new BatchDeliveries('t', 4);
        records.forEach((which, index) => {
          if (which !== undefined) deliveries.callback(all[which]!, index);
        });
        const error = fails ? new MillraceError('INVALID_RECORD', 'no') : undefined;
        const outcome = { error, baseOffset: fails ? -1 : firstOffset };
        const unobserved = deliveries.resolve(outcome, records.length, clock);
        const told = records.flatMap((which, index) =>
          which === undefined ? [] : [`${which}: ${fails ? 'INVALID_RECORD 4 -1' : `ok 4 ${firstOffset + index}`}`],
        );
        // Runs keep the order of records.
        expect(calls).toEqual(told);
        expect(unobserved).toBe(records.length - told.length);
      }),
    );
  });

  test('after a split each record is told the offset that its half gave it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 2 }), fc.nat(), (records, at) => {
        const splitAt = 1 + (at % (records.length - 1));
        const { calls, all } = callbacks(2);
        const whole = new BatchDeliveries('t', 0);
        records.forEach((which, index) => whole.callback(all[which]!, index));
        const first = new BatchDeliveries('t', 0);
        const second = new BatchDeliveries('t', 0);
        whole.split(splitAt, first, second);
        const left = first.resolve({ error: undefined, baseOffset: 100 }, splitAt, clock);
        const right = second.resolve({ error: undefined, baseOffset: 500 }, records.length - splitAt, clock);
        const offsetOf = (index: number): number => (index < splitAt ? 100 + index : 500 + index - splitAt);
        expect(calls).toEqual(records.map((which, index) => `${which}: ok 0 ${offsetOf(index)}`));
        expect(left + right).toBe(0);
      }),
    );
  });
});
