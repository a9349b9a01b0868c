/**
 * Ends a process at one of its own calls to the disk: before it takes effect, or after. From that call on the process
 * does nothing more to its disk; it is gone before anything else happens.
 */
import type { Environment, File, FileSystem } from '@millrace/base';

export type FileCall = 'create' | 'write' | 'truncate' | 'sync' | 'rename' | 'removeFile' | 'syncDirectory';

interface FilePoint {
  /** Any when undefined. */
  readonly call: FileCall | undefined;
  /** The end of the path; for a rename, of the new one. */
  readonly suffix: string;
  /** How many such calls come before. */
  skip: number;
  readonly isAfter: boolean;
  readonly end: () => void;
}

export class FilePoints {
  readonly #armed = new Map<string, FilePoint>();

  arm(node: string, point: FilePoint): void {
    this.#armed.set(node, point);
  }

  /** For one life of a node. */
  watch(environment: Environment, node: string): Environment {
    return { ...environment, files: watchedFiles(environment.files, new Life(node, this.#armed)) };
  }
}

class Life {
  readonly #node: string;
  readonly #armed: Map<string, FilePoint>;
  #isOver = false;

  constructor(node: string, armed: Map<string, FilePoint>) {
    this.#node = node;
    this.#armed = armed;
  }

  do<Result>(call: FileCall, path: string, run: () => Result): Result {
    this.requireAlive();
    const point = this.#pointOf(call, path);
    if (point === undefined) return run();
    if (point.isAfter) run();
    this.#isOver = true;
    this.#armed.delete(this.#node);
    point.end();
    throw new Error('the process has ended');
  }

  requireAlive(): void {
    if (this.#isOver) throw new Error('the process has ended');
  }

  #pointOf(call: FileCall, path: string): FilePoint | undefined {
    const point = this.#armed.get(this.#node);
    if (point === undefined || (point.call ?? call) !== call || !path.endsWith(point.suffix)) return undefined;
    point.skip -= 1;
    return point.skip < 0 ? point : undefined;
  }
}

function watchedFiles(files: FileSystem, life: Life): FileSystem {
  return {
    open: (path, mode) => {
      const isNew = mode !== 'read' && files.stat(path) === undefined;
      const file = isNew ? life.do('create', path, () => files.open(path, mode)) : files.open(path, mode);
      return watchedFile(file, path, life);
    },
    list: (directory) => files.list(directory),
    stat: (path) => files.stat(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => life.do('rename', to, () => files.rename(from, to)),
    removeFile: (path) => life.do('removeFile', path, () => files.removeFile(path)),
    removeDirectory: (path) => {
      life.requireAlive();
      files.removeDirectory(path);
    },
    syncDirectory: (path) => asynchronously(life, 'syncDirectory', path, () => files.syncDirectory(path)),
    lock: (path) => files.lock(path),
    freeBytes: (path) => files.freeBytes(path),
  };
}

function watchedFile(file: File, path: string, life: Life): File {
  return {
    sizeBytes: () => file.sizeBytes(),
    write: (buffer, offset, length, position) =>
      life.do('write', path, () => file.write(buffer, offset, length, position)),
    readSync: (buffer, offset, length, position) => file.readSync(buffer, offset, length, position),
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    sync: () => asynchronously(life, 'sync', path, () => file.sync()),
    truncate: (sizeBytes) => life.do('truncate', path, () => file.truncate(sizeBytes)),
    close: () => file.close(),
  };
}

/** A call that a process makes and that ends it never ends itself. */
async function asynchronously(life: Life, call: FileCall, path: string, run: () => Promise<void>): Promise<void> {
  let isDone: Promise<void> | undefined;
  try {
    await life.do(call, path, () => (isDone = run()));
  } catch (error) {
    if (isDone !== undefined) await isDone;
    throw error;
  }
}
