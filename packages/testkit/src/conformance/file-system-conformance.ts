/** What every `FileSystem` must do, as tests: run against the real one and the simulated one. */
import { errorCode, type File, type FileSystem } from '@millrace/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

export interface FileSystemFixture {
  readonly files: FileSystem;
  /** Exists and is empty. */
  readonly directory: string;
  readonly dispose?: () => void;
}

export function fileSystemConformance(name: string, create: () => FileSystemFixture): void {
  describe(`the file system of ${name}`, () => {
    let fixture: FileSystemFixture;
    let files: FileSystem;
    let at: (path: string) => string;

    beforeEach(() => {
      fixture = create();
      files = fixture.files;
      at = (path) => `${fixture.directory}/${path}`;
    });

    afterEach(() => {
      fixture.dispose?.();
    });

    test('a written file reads back, past its end there is nothing', async () => {
      const file = files.open(at('a'), 'create');
      expect(file.write(text('..hello..'), 2, 5, 0)).toBe(5);
      expect(file.write(text('world'), 0, 5, 5)).toBe(5);
      expect(file.sizeBytes()).toBe(10);
      expect(read(file, 3, 4)).toBe('lowo');
      expect(read(file, 8, 10)).toBe('ld');
      expect(read(file, 10, 1)).toBe('');
      expect(read(file, 1000, 1)).toBe('');
      const buffer = new Uint8Array(8).fill(46);
      expect(await file.read(buffer, 2, 5, 0)).toBe(5);
      expect(new TextDecoder().decode(buffer)).toBe('..hello.');
      file.close();
    });

    test('a buffer may be used again after a write', () => {
      const buffer = Buffer.from('abc');
      const file = files.open(at('a'), 'create');
      file.write(buffer, 0, 3, 0);
      buffer.fill('x');
      expect(read(file, 0, 100)).toBe('abc');
      file.close();
    });

    test('a write over old bytes replaces just those', () => {
      const file = createFile(files, at('a'), 'abcdefgh');
      file.write(text('XY'), 0, 2, 3);
      expect(read(file, 0, 100)).toBe('abcXYfgh');
      file.close();
    });

    test('a write past the end leaves zeros between', () => {
      const file = createFile(files, at('a'), 'ab');
      file.write(text('z'), 0, 1, 5);
      expect(read(file, 0, 100)).toBe('ab\0\0\0z');
      file.close();
    });

    test('truncate cuts, and extends with zeros', () => {
      const file = createFile(files, at('a'), 'abcdef');
      file.truncate(3);
      expect(file.sizeBytes()).toBe(3);
      file.truncate(5);
      expect(read(file, 0, 100)).toBe('abc\0\0');
      file.close();
    });

    test('sync and syncDirectory resolve, and data written meanwhile stays', async () => {
      const file = createFile(files, at('a'), 'abc');
      const sync = file.sync();
      file.write(text('d'), 0, 1, 3);
      await sync;
      await files.syncDirectory(fixture.directory);
      expect(read(file, 0, 100)).toBe('abcd');
      file.close();
    });

    test('the open modes differ in what must exist', () => {
      expect(codeOf(() => files.open(at('a'), 'read'))).toBe('ENOENT');
      files.open(at('a'), 'write').close();
      expect(codeOf(() => files.open(at('a'), 'create'))).toBe('EEXIST');
      const file = createFile(files, at('b'), 'kept');
      file.close();
      const again = files.open(at('b'), 'write');
      expect(read(again, 0, 100)).toBe('kept');
      again.close();
      expect(codeOf(() => files.open(at('no/such'), 'write'))).toBe('ENOENT');
    });

    test('a file opened to read refuses writes', () => {
      createFile(files, at('a'), 'abc').close();
      const file = files.open(at('a'), 'read');
      expect(codeOf(() => file.write(text('x'), 0, 1, 0))).toBe('EBADF');
      expect(codeOf(() => file.truncate(0))).toBe('EINVAL');
      expect(read(file, 0, 100)).toBe('abc');
      file.close();
    });

    test('a closed file refuses everything', async () => {
      const file = createFile(files, at('a'), 'abc');
      file.close();
      expect(codeOf(() => file.write(text('x'), 0, 1, 0))).toBe('EBADF');
      expect(codeOf(() => file.readSync(new Uint8Array(1), 0, 1, 0))).toBe('EBADF');
      expect(codeOf(() => file.sizeBytes())).toBe('EBADF');
      expect(codeOf(() => file.truncate(0))).toBe('EBADF');
      expect(
        codeOf(() => {
          file.close();
        }),
      ).toBe('EBADF');
      expect(await rejectionCode(file.sync())).toBe('EBADF');
      expect(await rejectionCode(file.read(new Uint8Array(1), 0, 1, 0))).toBe('EBADF');
    });

    test('a file may be closed while its sync and read are under way', async () => {
      const file = createFile(files, at('a'), 'abc');
      const buffer = new Uint8Array(3);
      const results = Promise.all([file.sync(), file.read(buffer, 0, 3, 0)]);
      file.close();
      expect(await results).toEqual([undefined, 3]);
      expect(new TextDecoder().decode(buffer)).toBe('abc');
    });

    test('names are listed in order of code units', () => {
      for (const name of ['b', 'a', 'B', '10', '9', 'ä']) createFile(files, at(name), '').close();
      files.makeDirectory(at('dir'));
      expect(files.list(fixture.directory)).toEqual(['10', '9', 'B', 'a', 'b', 'dir', 'ä']);
      expect(codeOf(() => files.list(at('missing')))).toBe('ENOENT');
      expect(codeOf(() => files.list(at('a')))).toBe('ENOTDIR');
    });

    test('stat tells files, directories and nothing apart', () => {
      createFile(files, at('a'), 'abc').close();
      files.makeDirectory(at('dir'));
      expect(files.stat(at('a'))).toEqual({ sizeBytes: 3, isDirectory: false });
      expect(files.stat(at('dir'))?.isDirectory).toBe(true);
      expect(files.stat(at('missing'))).toBeUndefined();
      expect(files.stat(at('a/below'))).toBeUndefined();
    });

    test('making a directory twice does nothing, over a file or without a parent it fails', () => {
      files.makeDirectory(at('dir'));
      files.makeDirectory(at('dir'));
      createFile(files, at('a'), '').close();
      expect(codeOf(() => files.makeDirectory(at('a')))).toBe('EEXIST');
      expect(codeOf(() => files.makeDirectory(at('no/dir')))).toBe('ENOENT');
    });

    test('a rename replaces the target, and open files follow', () => {
      const file = createFile(files, at('a'), 'new');
      createFile(files, at('b'), 'old').close();
      files.rename(at('a'), at('b'));
      file.write(text('er'), 0, 2, 3);
      file.close();
      expect(files.list(fixture.directory)).toEqual(['b']);
      const renamed = files.open(at('b'), 'read');
      expect(read(renamed, 0, 100)).toBe('newer');
      renamed.close();
      expect(codeOf(() => files.rename(at('missing'), at('c')))).toBe('ENOENT');
    });

    test('a directory is renamed with what is in it, but not over a full one', () => {
      files.makeDirectory(at('from'));
      createFile(files, at('from/a'), 'abc').close();
      files.rename(at('from'), at('to'));
      expect(files.stat(at('to/a'))?.sizeBytes).toBe(3);
      files.makeDirectory(at('other'));
      expect(codeOf(() => files.rename(at('other'), at('to')))).toBe('ENOTEMPTY');
      createFile(files, at('file'), '').close();
      expect(codeOf(() => files.rename(at('file'), at('to')))).toBe('EISDIR');
      expect(codeOf(() => files.rename(at('other'), at('file')))).toBe('ENOTDIR');
    });

    test('a removed file is gone by name, and lives on while open', () => {
      const file = createFile(files, at('a'), 'abc');
      files.removeFile(at('a'));
      expect(files.stat(at('a'))).toBeUndefined();
      expect(read(file, 0, 100)).toBe('abc');
      file.close();
      expect(codeOf(() => files.removeFile(at('a')))).toBe('ENOENT');
    });

    test('a directory is removed with all that is in it', () => {
      files.makeDirectory(at('dir'));
      files.makeDirectory(at('dir/deep'));
      createFile(files, at('dir/deep/a'), 'abc').close();
      files.removeDirectory(at('dir'));
      expect(files.list(fixture.directory)).toEqual([]);
      expect(codeOf(() => files.removeDirectory(at('dir')))).toBe('ENOENT');
      createFile(files, at('a'), '').close();
      expect(codeOf(() => files.removeDirectory(at('a')))).toBe('ENOTDIR');
      expect(files.stat(at('a'))).toBeDefined();
    });

    test('syncing a directory that is not there fails', async () => {
      expect(await rejectionCode(files.syncDirectory(at('missing')))).toBe('ENOENT');
    });

    test('a lock is refused while held, also to its own process, and free after release', () => {
      const lock = files.lock(at('.lock'));
      expect(codeOf(() => files.lock(at('.lock')))).toBe('DATA_DIRECTORY_LOCKED');
      lock.release();
      lock.release();
      const again = files.lock(at('.lock'));
      expect(codeOf(() => files.lock(at('.lock')))).toBe('DATA_DIRECTORY_LOCKED');
      again.release();
    });

    test('free space is told', () => {
      expect(files.freeBytes(fixture.directory)).toBeGreaterThan(0);
      expect(codeOf(() => files.freeBytes(at('missing')))).toBe('ENOENT');
    });
  });
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function createFile(files: FileSystem, path: string, content: string): File {
  const file = files.open(path, 'create');
  const bytes = text(content);
  file.write(bytes, 0, bytes.length, 0);
  return file;
}

function read(file: File, position: number, length: number): string {
  const buffer = new Uint8Array(length);
  return new TextDecoder().decode(buffer.subarray(0, file.readSync(buffer, 0, length, position)));
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return errorCode(error);
  }
  return 'no error';
}

function rejectionCode(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', errorCode);
}
