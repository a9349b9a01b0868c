import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SimulatedDisk } from '@millrace/testkit';
import { FilePool, type PooledFile } from '../src/file-pool.js';

function poolOf(maxOpenFiles: number): { pool: FilePool; disk: SimulatedDisk } {
  const disk = new SimulatedDisk();
  disk.files().makeDirectory('/d');
  return { pool: new FilePool(disk.files(), { maxOpenFiles }), disk };
}

const text = (value: string): Buffer => Buffer.from(value, 'utf8');

function put(file: PooledFile, value: string): void {
  file.truncate(0);
  expect(file.write(text(value), 0, value.length, 0)).toBe(value.length);
}

function get(file: PooledFile): string {
  const buffer = Buffer.alloc(100);
  return buffer.toString('utf8', 0, file.readSync(buffer, 0, 100, 0));
}

describe('a file pool', () => {
  test('serves many files with few handles, whatever is done with them in whatever order', async () => {
    const steps = fc.array(
      fc.record({
        file: fc.nat(9),
        action: fc.constantFrom('write', 'read', 'asyncRead', 'sync', 'rename', 'close'),
        value: fc.stringMatching(/^[a-z]{0,8}$/),
      }),
      { maxLength: 80 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const { pool } = poolOf(3);
        const files = Array.from({ length: 10 }, (_, index) => pool.open(`/d/${index}`, 'write'));
        const contents = files.map(() => '');
        const pending: Promise<void>[] = [];
        for (const [index, { file: number, action, value }] of list.entries()) {
          const file = files[number];
          if (file === undefined) continue;
          const expected = contents[number];
          if (action === 'write') {
            put(file, value);
            contents[number] = value;
          } else if (action === 'read') expect(get(file)).toBe(expected);
          else if (action === 'asyncRead') {
            const buffer = Buffer.alloc(100);
            const length = await file.read(buffer, 0, 100, 0);
            expect(buffer.toString('utf8', 0, length)).toBe(expected);
          } else if (action === 'sync') pending.push(file.sync());
          else if (action === 'rename') file.rename(`/d/${number}-${index}`);
          else {
            file.close();
            files[number] = pool.open(file.path, 'write');
          }
          if (pending.length === 0) expect(pool.openCount).toBeLessThanOrEqual(3);
        }
        await Promise.all(pending);
        expect(pool.openCount).toBeLessThanOrEqual(3);
        files.forEach((file, number) => {
          expect(get(file)).toBe(contents[number]);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('never closes a file that is being synced or read, and keeps its bound again afterwards', async () => {
    const { pool } = poolOf(2);
    const files = ['a', 'b', 'c', 'd'].map((name) => pool.open(`/d/${name}`, 'write'));
    const busy = files.slice(0, 3).map((file) => file.sync());
    expect(files.slice(0, 3).every((file) => file.isPinned)).toBe(true);
    expect(pool.openCount).toBe(3);
    await Promise.all(busy);
    expect(pool.openCount).toBe(2);
  });

  test('closes synced files before those with unsynced writes', async () => {
    const { pool } = poolOf(3);
    const clean = pool.open('/d/clean', 'write');
    const dirty = pool.open('/d/dirty', 'write');
    put(clean, 'x');
    put(dirty, 'y');
    await clean.sync();
    expect([clean.isDirty, dirty.isDirty]).toEqual([false, true]);
    pool.open('/d/third', 'write');
    // Both were used as recently; the clean one goes although it was used last.
    get(dirty);
    get(clean);
    const handles = pool.openCount;
    const fourth = pool.open('/d/fourth', 'write');
    put(fourth, 'z');
    expect(pool.openCount).toBe(handles);
    expect(dirty.isOpen).toBe(true);
  });

  test('a file that was removed behind its back is missed, not made anew', () => {
    const { pool, disk } = poolOf(1);
    const lost = pool.open('/d/lost', 'create');
    pool.open('/d/other', 'write');
    disk.files().removeFile('/d/lost');
    expect(() => lost.sizeBytes()).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(disk.files().stat('/d/lost')).toBeUndefined();
  });

  test('a file that is closed during a read lets the read end, and refuses later use', async () => {
    const { pool } = poolOf(1);
    const file = pool.open('/d/a', 'create');
    put(file, 'hello');
    const buffer = Buffer.alloc(5);
    const reading = file.read(buffer, 0, 5, 0);
    file.remove();
    expect(() => file.sizeBytes()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(await reading).toBe(5);
    expect(buffer.toString()).toBe('hello');
    expect(pool.openCount).toBe(0);
  });

  test('a create mode insists on a new file only the first time', () => {
    const { pool } = poolOf(1);
    const file = pool.open('/d/a', 'create');
    put(file, 'kept');
    expect(() => pool.open('/d/a', 'create')).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    pool.open('/d/b', 'write');
    expect(get(file)).toBe('kept');
  });
});
