import type { File, FileSystem } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom, SimulatedDisk, type Fate } from '../../src/index.js';

const fates: readonly Fate[] = ['kept', 'lost', 'torn', 'random'];
const path = '/a';

type Step =
  | { readonly kind: 'write'; readonly position: number; readonly length: number; readonly fill: number }
  | { readonly kind: 'truncate'; readonly sizeBytes: number }
  | { readonly kind: 'sync' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      position: fc.integer({ min: 0, max: 12_000 }),
      length: fc.integer({ min: 1, max: 9000 }),
      fill: fc.integer({ min: 1, max: 255 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), sizeBytes: fc.integer({ min: 0, max: 15_000 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'sync' as const }) },
);

/** What is known of a file: its content when last synced, and every content since. */
interface Model {
  versions: number[][];
  /** Bytes an unsynced write covered. */
  written: Set<number>;
}

async function play(files: FileSystem, steps: readonly Step[]): Promise<Model> {
  const file = files.open(path, 'create');
  await files.syncDirectory('/');
  const model: Model = { versions: [[]], written: new Set() };
  let content: number[] = [];
  for (const step of steps) {
    if (step.kind === 'sync') {
      await file.sync();
      model.versions = [content];
      model.written.clear();
      continue;
    }
    content = [...content];
    if (step.kind === 'truncate') {
      file.truncate(step.sizeBytes);
      content.length = Math.min(content.length, step.sizeBytes);
      while (content.length < step.sizeBytes) content.push(0);
    } else {
      expect(file.write(new Uint8Array(step.length).fill(step.fill), 0, step.length, step.position)).toBe(step.length);
      while (content.length < step.position) content.push(0);
      for (let index = 0; index < step.length; index += 1) {
        content[step.position + index] = step.fill;
        model.written.add(step.position + index);
      }
    }
    model.versions.push(content);
  }
  return model;
}

describe('after a power cut', () => {
  test('a file has a size it had, and each byte is one it held since its last sync, or garbage in an unsynced write', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { maxLength: 12 }),
        fc.constantFrom(...fates),
        fc.integer(),
        async (steps, fate, seed) => {
          const disk = new SimulatedDisk();
          const model = await play(disk.files(), steps);
          const after = contentOf(disk.crash(fate, seededRandom(seed).stream('crash')), path);
          expect(model.versions.map((version) => version.length)).toContain(after.length);
          for (const [index, byte] of after.entries()) {
            const allowed = model.versions.map((version) => version[index] ?? 0);
            if (allowed.includes(byte)) continue;
            expect(fate).toBe('random');
            expect(model.written.has(index), `byte ${index} was synced and is ${byte}`).toBe(true);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('lost means exactly the synced content, kept exactly the last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), async (steps) => {
        const disk = new SimulatedDisk();
        const model = await play(disk.files(), steps);
        expect(contentOf(disk.crash('lost'), path)).toEqual(model.versions[0]);
        expect(contentOf(disk.crash('kept'), path)).toEqual(model.versions.at(-1));
      }),
      { numRuns: 50 },
    );
  });

  test('what a crash left is durable: a second crash changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), fc.integer(), async (steps, seed) => {
        const disk = new SimulatedDisk();
        await play(disk.files(), steps);
        const once = disk.crash('random', seededRandom(seed).stream('first'));
        const twice = once.crash('random', seededRandom(seed).stream('second'));
        expect(contentOf(twice, path)).toEqual(contentOf(once, path));
      }),
      { numRuns: 50 },
    );
  });

  test('random fates reach every kind of outcome for one dirty page', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) {
      const disk = new SimulatedDisk();
      const file = disk.files().open(path, 'create');
      file.write(new Uint8Array(3000).fill(1), 0, 3000, 0);
      const image = contentOf(
        disk.crash({ unsynced: 'random', entries: 'kept' }, seededRandom(seed).stream('x')),
        path,
      );
      if (image.length === 0) seen.add('size lost');
      else if (image.every((byte) => byte === 1)) seen.add('kept');
      else if (image.every((byte) => byte === 0)) seen.add('size without data');
      else if (image.every((byte) => byte === 0 || byte === 1)) seen.add(image[0] === 1 ? 'left part' : 'other part');
      else seen.add('garbage');
    }
    expect([...seen].sort()).toEqual(['garbage', 'kept', 'left part', 'other part', 'size lost', 'size without data']);
  });

  test('only what came before the beginning of a sync is covered by it', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const file = files.open(path, 'create');
    await files.syncDirectory('/');
    file.write(Uint8Array.of(1), 0, 1, 0);
    const sync = file.sync();
    file.write(Uint8Array.of(2), 0, 1, 1);
    expect(contentOf(disk.crash('lost'), path)).toEqual([]);
    await sync;
    expect(contentOf(disk.crash('lost'), path)).toEqual([1]);
  });
});

describe('directory entries', () => {
  test('a file whose entry was never synced may vanish, however well its data was', async () => {
    const disk = new SimulatedDisk();
    await synced(disk.files().open(path, 'create'), [1, 2, 3]);
    expect(outcomes(disk, (after) => String(after.files().stat(path)?.sizeBytes ?? 'gone'))).toEqual(['3', 'gone']);
  });

  test('an entry may live without its data: the file is there and short', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const file = files.open(path, 'create');
    file.write(Uint8Array.of(1, 2, 3), 0, 3, 0);
    await files.syncDirectory('/');
    expect(contentOf(disk.crash('lost'), path)).toEqual([]);
  });

  test('a rename without a directory sync shows the old name or the new one, never both or none', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    await synced(files.open('/tmp', 'create'), [2]);
    await synced(files.open('/name', 'create'), [1]);
    await files.syncDirectory('/');
    files.rename('/tmp', '/name');
    const view = (after: SimulatedDisk): string => {
      const names = after.files().list('/');
      return `${names.join()}:${contentOf(after, '/name').join()}`;
    };
    expect(outcomes(disk, view)).toEqual(['name,tmp:1', 'name:2']);
    await files.syncDirectory('/');
    expect(outcomes(disk, view)).toEqual(['name:2']);
  });

  test('a removal may be undone until the directory is synced', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    await synced(files.open(path, 'create'), [7]);
    await files.syncDirectory('/');
    files.removeFile(path);
    expect(outcomes(disk, (after) => after.files().list('/').join())).toEqual(['', 'a']);
    await files.syncDirectory('/');
    expect(outcomes(disk, (after) => after.files().list('/').join())).toEqual(['']);
  });

  test('a rename between directories is durable in each with its own sync', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    files.makeDirectory('/from');
    files.makeDirectory('/to');
    await files.syncDirectory('/');
    await synced(files.open('/from/a', 'create'), [1]);
    await files.syncDirectory('/from');
    files.rename('/from/a', '/to/a');
    const view = (after: SimulatedDisk): string =>
      `${after.files().list('/from').join()}|${after.files().list('/to').join()}`;
    expect(outcomes(disk, view)).toEqual(['a|', 'a|a', '|', '|a']);
    await files.syncDirectory('/to');
    expect(outcomes(disk, view)).toEqual(['a|a', '|a']);
    await files.syncDirectory('/from');
    expect(outcomes(disk, view)).toEqual(['|a']);
  });

  test('with torn fate the entry operations of all directories end at one point in time', () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    for (const name of ['a', 'b', 'c', 'd']) files.open(`/${name}`, 'create').close();
    const allowed = ['', 'a', 'a,b', 'a,b,c', 'a,b,c,d'];
    for (let seed = 0; seed < 50; seed += 1) {
      expect(allowed).toContain(disk.crash('torn', seededRandom(seed).stream('x')).files().list('/').join());
    }
  });
});

describe('a failed sync', () => {
  test('rejects once, and the next good sync proves nothing about the data', async () => {
    let lost = 0;
    let kept = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const disk = new SimulatedDisk(seededRandom(seed).stream('disk'));
      const files = disk.files();
      const file = files.open(path, 'create');
      await files.syncDirectory('/');
      file.write(Uint8Array.of(9), 0, 1, 0);
      disk.failNext({ operation: 'sync', path, code: 'EIO' });
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
      await file.sync();
      if (contentOf(disk.crash('kept'), path)[0] === 9) kept += 1;
      else lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
    expect(kept).toBeGreaterThan(0);
  });

  test('leaves what was synced before', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const file = files.open(path, 'create');
    file.write(Uint8Array.of(1, 2, 3), 0, 3, 0);
    await file.sync();
    await files.syncDirectory('/');
    file.write(Uint8Array.of(4), 0, 1, 3);
    disk.failNext({ operation: 'sync', code: 'EIO' });
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
    expect(contentOf(disk.crash('random'), path).slice(0, 3)).toEqual([1, 2, 3]);
  });
});

async function synced(file: File, bytes: readonly number[]): Promise<void> {
  file.write(Uint8Array.from(bytes), 0, bytes.length, 0);
  await file.sync();
  file.close();
}

function contentOf(disk: SimulatedDisk, at: string): number[] {
  const files = disk.files();
  const stat = files.stat(at);
  if (stat === undefined) return [];
  const file = files.open(at, 'read');
  const bytes = new Uint8Array(stat.sizeBytes);
  expect(file.readSync(bytes, 0, bytes.length, 0)).toBe(bytes.length);
  file.close();
  return [...bytes];
}

/** All that a crash can look like over many draws. */
function outcomes(disk: SimulatedDisk, view: (after: SimulatedDisk) => string): string[] {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed += 1) seen.add(view(disk.crash('random', seededRandom(seed).stream('crash'))));
  return [...seen].sort();
}

test('what a power cut may take away is told by path, until it is synced', async () => {
  const disk = new SimulatedDisk(seededRandom(1).stream('disk'));
  const files = disk.files();
  for (const name of ['/a', '/b']) files.open(name, 'create').write(new Uint8Array([1]), 0, 1, 0);
  expect(disk.unsyncedPaths()).toEqual(['a', 'b']);
  await files.open('/a', 'write').sync();
  expect(disk.unsyncedPaths()).toEqual(['b']);
});
