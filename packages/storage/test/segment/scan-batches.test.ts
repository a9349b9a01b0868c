import fc from 'fast-check';
import { encodeBatch } from '@millrace/record';
import { SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { scanBatches, stop } from '../../src/segment/scan-batches.js';

const path = '/log';

describe('a scan', () => {
  test('sees every batch whatever the size of its pieces, and stops at what is none', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 60 }),
        async (list, pieceBytes, torn) => {
          const disk = new SimulatedDisk(undefined, { record: false });
          const batches = list.map((size) => encodeBatch([{ value: Buffer.alloc(size) }]));
          const whole = Buffer.concat(batches);
          const bytes = Buffer.concat([whole, encodeBatch([{ value: 'torn' }]).subarray(0, torn)]);
          const file = disk.files().open(path, 'write');
          file.write(bytes, 0, bytes.length, 0);
          const seen: number[] = [];
          const range = { from: 0, to: bytes.length };
          const end = await scanBatches(file, range, { verifyCrc: true, pieceBytes }, (batch, position) => {
            expect(bytes.subarray(position, position + batch.sizeBytes)).toEqual(batches[seen.length]);
            seen.push(position);
            return undefined;
          });
          expect(seen).toHaveLength(batches.length);
          expect(end.position).toBe(whole.length);
          expect(end.problem === undefined).toBe(torn === 0);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('ends where its visitor says, or says why not', async () => {
    const bytes = Buffer.concat([encodeBatch([{ value: 'a' }]), encodeBatch([{ value: 'b' }])]);
    const file = new SimulatedDisk().files().open(path, 'write');
    file.write(bytes, 0, bytes.length, 0);
    const range = { from: 0, to: bytes.length };
    const scan = (answer: string | typeof stop): Promise<unknown> =>
      scanBatches(file, range, { verifyCrc: true }, (_batch, position) => (position > 0 ? answer : undefined));
    expect(await scan(stop)).toEqual({ position: bytes.length / 2, problem: undefined });
    expect(await scan('not this one')).toEqual({ position: bytes.length / 2, problem: 'not this one' });
  });

  test('does not reserve the memory that a damaged length asks for', async () => {
    const bytes = Buffer.from(encodeBatch([{ value: 'a' }]));
    bytes.writeInt32BE(2 ** 31 - 1, 8);
    const file = new SimulatedDisk().files().open(path, 'write');
    file.write(bytes, 0, bytes.length, 0);
    const end = await scanBatches(file, { from: 0, to: bytes.length }, { verifyCrc: true }, () => undefined);
    expect(end.problem).toContain('bytes');
  });
});
