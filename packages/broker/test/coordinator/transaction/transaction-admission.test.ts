import { FrameMemory, SlabPool } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { TransactionAdmission } from '../../../src/coordinator/transaction/transaction-admission.js';

const admission = (): TransactionAdmission => new TransactionAdmission({ add: () => Promise.resolve() });
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);

describe('a batch that waits for its transaction', () => {
  test('stays where it is, in memory that nobody gets before it is released', () => {
    const slabs = new SlabPool();
    const slab = slabs.take(10_000);
    slab.fill(7);
    const frame = new FrameMemory(slab, slabs);

    const kept = admission().keep(slab.subarray(100, 200), frame);
    frame.release();

    expect(slabs.takeFree(10_000)).toBeUndefined();
    expect(kept.bytes.buffer).toBe(slab.buffer);
    expect([...kept.bytes]).toEqual([...filled(100, 7)]);
    kept.memory.release();
    expect(slabs.takeFree(10_000)).toBe(slab);
  });

  test('is copied out of memory that cannot be kept, also when it comes as a Buffer', () => {
    const received = Buffer.from(filled(100, 7));

    const kept = admission().keep(received, undefined);
    received.fill(9);

    expect([...kept.bytes]).toEqual([...filled(100, 7)]);
  });

  test('has its copy for itself until it is released, and the memory is used again after that', () => {
    const of = admission();
    const first = of.keep(filled(5000, 1), undefined);
    const second = of.keep(filled(5000, 2), undefined);
    expect([...first.bytes]).toEqual([...filled(5000, 1)]);

    first.memory.release();
    const third = of.keep(filled(4900, 3), undefined);

    expect(third.bytes.buffer).toBe(first.bytes.buffer);
    expect([...second.bytes]).toEqual([...filled(5000, 2)]);
    expect([...third.bytes]).toEqual([...filled(4900, 3)]);
  });
});
