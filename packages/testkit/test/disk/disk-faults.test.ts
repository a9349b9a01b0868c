import { errorCode } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { SimulatedDisk } from '../../src/index.js';

describe('a full disk', () => {
  test('takes what fits, and only the next write fails', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 100;
    const files = disk.files();
    const file = files.open('/a', 'create');
    expect(file.write(new Uint8Array(150), 0, 150, 0)).toBe(100);
    expect(files.freeBytes('/')).toBe(0);
    expect(codeOf(() => file.write(new Uint8Array(1), 0, 1, 100))).toBe('ENOSPC');
    expect(file.sizeBytes()).toBe(100);
  });

  test('still takes writes over old bytes', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 10;
    const file = disk.files().open('/a', 'create');
    file.write(new Uint8Array(10), 0, 10, 0);
    expect(file.write(new Uint8Array(4), 0, 4, 6)).toBe(4);
    expect(file.write(new Uint8Array(4), 0, 4, 8)).toBe(2);
  });

  test('has room again after a truncate, and after a removed file was closed', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 10;
    const files = disk.files();
    const file = files.open('/a', 'create');
    file.write(new Uint8Array(10), 0, 10, 0);
    file.truncate(4);
    expect(files.freeBytes('/')).toBe(6);
    files.removeFile('/a');
    expect(files.freeBytes('/')).toBe(6);
    file.close();
    expect(files.freeBytes('/')).toBe(10);
  });

  test('counts a replaced file, and all of a removed directory, as free', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 100;
    const files = disk.files();
    files.makeDirectory('/d');
    for (const [name, size] of [
      ['/d/a', 10],
      ['/d/b', 20],
    ] as const) {
      const file = files.open(name, 'create');
      file.write(new Uint8Array(size), 0, size, 0);
      file.close();
    }
    files.rename('/d/a', '/d/b');
    expect(files.freeBytes('/')).toBe(90);
    files.removeDirectory('/d');
    expect(files.freeBytes('/')).toBe(100);
  });

  test('knows its use after a crash', () => {
    const disk = new SimulatedDisk();
    disk.capacityBytes = 100;
    disk.files().open('/a', 'create').write(new Uint8Array(30), 0, 30, 0);
    expect(disk.crash('kept').files().freeBytes('/')).toBe(70);
    expect(disk.crash('lost').files().freeBytes('/')).toBe(100);
  });
});

describe('injected errors', () => {
  test('hit the named call on the named path, as often as asked, after as many as asked', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const a = files.open('/a', 'create');
    const b = files.open('/b', 'create');
    const one = new Uint8Array(1);
    disk.failNext({ operation: 'write', path: '/b', code: 'EIO', times: 2, after: 1 });
    expect(a.write(one, 0, 1, 0)).toBe(1);
    expect(b.write(one, 0, 1, 0)).toBe(1);
    expect(codeOf(() => b.write(one, 0, 1, 1))).toBe('EIO');
    expect(codeOf(() => b.write(one, 0, 1, 1))).toBe('EIO');
    expect(b.write(one, 0, 1, 1)).toBe(1);
    disk.failNext({ operation: 'read', path: /b$/, code: 'EIO', times: Infinity });
    expect(a.readSync(one, 0, 1, 0)).toBe(1);
    expect(codeOf(() => b.readSync(one, 0, 1, 0))).toBe('EIO');
    await expect(b.read(one, 0, 1, 0)).rejects.toMatchObject({ code: 'EIO' });
    disk.clearFaults();
    expect(b.readSync(one, 0, 1, 0)).toBe(1);
  });

  test('reach names and directories too', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    files.open('/a', 'create').close();
    for (const operation of ['open', 'rename', 'removeFile', 'list', 'makeDirectory', 'syncDirectory'] as const) {
      disk.failNext({ operation, code: operation === 'open' ? 'EMFILE' : 'EIO' });
    }
    expect(codeOf(() => files.open('/a', 'read'))).toBe('EMFILE');
    expect(
      codeOf(() => {
        files.rename('/a', '/b');
      }),
    ).toBe('EIO');
    expect(
      codeOf(() => {
        files.removeFile('/a');
      }),
    ).toBe('EIO');
    expect(codeOf(() => files.list('/'))).toBe('EIO');
    expect(
      codeOf(() => {
        files.makeDirectory('/d');
      }),
    ).toBe('EIO');
    await expect(files.syncDirectory('/')).rejects.toMatchObject({ code: 'EIO' });
    expect(files.list('/')).toEqual(['a']);
  });

  test('short writes come back short and whole in the file', () => {
    const disk = new SimulatedDisk();
    disk.shortWrites = 0.5;
    const file = disk.files().open('/a', 'create');
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
    let shortWrites = 0;
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(100, bytes.length - done);
      const written = file.write(bytes, done, length, done);
      expect(written).toBeGreaterThan(0);
      if (written < length) shortWrites += 1;
      done += written;
    }
    expect(shortWrites).toBeGreaterThan(0);
    const back = new Uint8Array(1000);
    file.readSync(back, 0, 1000, 0);
    expect(back).toEqual(bytes);
  });

  test('a flipped bit is seen at once and after a crash', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const file = files.open('/a', 'create');
    file.write(Uint8Array.of(0, 0b100), 0, 2, 0);
    await file.sync();
    await files.syncDirectory('/');
    disk.flipBit('/a', 8 + 2);
    disk.flipBit('/a', 7);
    const bytes = new Uint8Array(2);
    file.readSync(bytes, 0, 2, 0);
    expect([...bytes]).toEqual([128, 0]);
    disk.crash('lost').files().open('/a', 'read').readSync(bytes, 0, 2, 0);
    expect([...bytes]).toEqual([128, 0]);
    expect(() => {
      disk.flipBit('/a', 16);
    }).toThrow(/past the end/);
  });

  test('locks and open handles end with their process', () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    disk.capacityBytes = 10;
    files.lock('/.lock');
    const file = files.open('/a', 'create');
    file.write(new Uint8Array(10), 0, 10, 0);
    files.removeFile('/a');
    disk.endProcess();
    expect(files.freeBytes('/')).toBe(10);
    disk.files().lock('/.lock').release();
  });
});

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return errorCode(error);
  }
  return 'no error';
}
