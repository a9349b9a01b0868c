/**
 * A disk that can lose power.
 *
 * What was synced is there afterwards; what was not is kept, lost, torn or garbage, page by page, and directory
 * entries live or die apart from the files they name. The disk works alone (asynchronous calls end in a microtask)
 * or under a `Simulation`, which gives them a duration.
 */
import { assert, type FileSystem, type Random, type RandomStream } from '@millrace/base';
import { seededRandom } from '../random/seeded-random.js';
import { crashPolicy, type CrashPolicy, type Fate } from './crash-policy.js';
import type { DirectoryInode, Inode } from './directory-inode.js';
import { DiskFaults, type DiskFault } from './disk-faults.js';
import { DiskTree } from './disk-tree.js';
import type { FileInode } from './file-inode.js';
import type { DiskOperation } from './operation.js';
import { imageAfterCrash } from './page-fate.js';
import { SimulatedFileSystem, type DiskHost } from './simulated-file-system.js';

export interface SimulatedDiskOptions {
  /** Whether operations are recorded; they hold copies of all bytes written. True when absent. */
  readonly record?: boolean;
}

export interface ReplayOptions extends CrashPolicy {
  /** Decides the random fates; each crash point has a stream of its own. */
  readonly random?: Random;
  /**
   * The disk as it was before the first operation, when it was not empty: for operations of a `disk` that itself came
   * out of a crash, `disk.crash('kept')` taken before its use.
   */
  readonly base?: SimulatedDisk;
}

export class SimulatedDisk {
  readonly tree: DiskTree;
  readonly faults = new DiskFaults();
  readonly locks = new Set<string>();
  readonly random: RandomStream;
  /** What all files together may hold. */
  capacityBytes = 2 ** 40;
  readonly #options: SimulatedDiskOptions;

  constructor(random: RandomStream = seededRandom(0).stream('disk'), options: SimulatedDiskOptions = {}) {
    this.random = random;
    this.#options = options;
    this.tree = new DiskTree(options.record ?? true);
  }

  /** The file system a process sees. */
  files(host: DiskHost = microtaskHost): FileSystem {
    return new SimulatedFileSystem(this, host);
  }

  /** All changes and completed syncs since this disk was made. */
  get operations(): readonly DiskOperation[] {
    return this.tree.operations;
  }

  failNext(fault: DiskFault): void {
    this.faults.add(fault);
  }

  set shortWrites(share: number) {
    this.faults.shortWrites = share;
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Of all files, sorted. */
  paths(): string[] {
    return this.#pathsOf(() => true);
  }

  /** Of the files with content that a power cut may take away, sorted. */
  unsyncedPaths(): string[] {
    return this.#pathsOf(({ unsynced }) => unsynced.length > 0);
  }

  /** Flips bit `bit` (8 per byte, the lowest first) of a file, on the disk and in the cache. */
  flipBit(path: string, bit: number): void {
    const inode = this.tree.lookup(path);
    assert(inode?.kind === 'file', `no file at ${path}`);
    assert(bit >= 0 && bit < inode.sizeBytes * 8, `bit ${bit} is past the end of ${path}`);
    inode.flipBit(bit);
  }

  /** The process that used the disk has ended, and the machine has not: cached data stays, locks and handles go. */
  endProcess(): void {
    this.locks.clear();
    this.tree.closeAll();
  }

  /** The disk as found after a power cut now. This one does not change. */
  crash(policy: CrashPolicy | Fate, random: RandomStream = this.random): SimulatedDisk {
    const { unsynced, entries } = crashPolicy(policy);
    const after = new SimulatedDisk(this.random, this.#options);
    after.capacityBytes = this.capacityBytes;
    const copies = new Map<Inode, Inode>();
    // One place in the order of all entry operations: a journal ends once, for all directories.
    const cutSequence = random.integer(0, this.tree.sequence + 1);
    const copyFile = (file: FileInode): FileInode => {
      const image = imageAfterCrash(file.durable, file.unsynced, unsynced, random);
      after.tree.usedBytes += image.length;
      // A cached image differs from the durable one without unsynced operations only after a failed sync.
      return after.tree.newFile(image);
    };
    const copyEntries = (from: DirectoryInode, to: DirectoryInode): void => {
      for (const [name, inode] of from.entriesAfterCrash(entries, cutSequence, random)) {
        let copy = copies.get(inode);
        if (copy === undefined) {
          copy = inode.kind === 'file' ? copyFile(inode) : after.tree.newDirectory();
          copies.set(inode, copy);
          if (inode.kind === 'directory') copyEntries(inode, copy as DirectoryInode);
        }
        if (copy.kind === 'file') copy.links += 1;
        to.addDurable(name, copy);
      }
    };
    copyEntries(this.tree.root, after.tree.root);
    return after;
  }

  /** The disk as found after a power cut that followed the first `count` operations. */
  static fromPrefix(operations: readonly DiskOperation[], count: number, options: ReplayOptions): SimulatedDisk {
    const replay = new Replay(options);
    for (const operation of operations.slice(0, count)) replay.apply(operation);
    return replay.crash(count);
  }

  /** Every crash point of a workload, from none of its operations to all; faster than `fromPrefix` for each. */
  static *crashPoints(
    operations: readonly DiskOperation[],
    options: ReplayOptions,
  ): Generator<{ readonly count: number; readonly disk: SimulatedDisk }, undefined> {
    const replay = new Replay(options);
    yield { count: 0, disk: replay.crash(0) };
    for (const [index, operation] of operations.entries()) {
      replay.apply(operation);
      yield { count: index + 1, disk: replay.crash(index + 1) };
    }
  }

  #pathsOf(isWanted: (file: FileInode) => boolean): string[] {
    const found: string[] = [];
    const collect = (directory: DirectoryInode, prefix: string): void => {
      for (const [name, inode] of directory.entries) {
        if (inode.kind === 'directory') collect(inode, `${prefix}${name}/`);
        else if (isWanted(inode)) found.push(`${prefix}${name}`);
      }
    };
    collect(this.tree.root, '');
    return found.sort();
  }
}

/** Builds a disk from operations. */
class Replay {
  readonly #policy: CrashPolicy;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #inodes = new Map<number, Inode>();

  constructor(options: ReplayOptions) {
    this.#policy = options;
    this.#random = options.random ?? seededRandom('crash points');
    this.#disk =
      options.base === undefined ? new SimulatedDisk(undefined, { record: false }) : options.base.crash('kept');
    this.#collect(this.#disk.tree.root);
  }

  apply(operation: DiskOperation): void {
    const { tree } = this.#disk;
    switch (operation.kind) {
      case 'create': {
        const file = tree.create(operation.path);
        // Never closed: an unlinked file may still be written to.
        tree.opened(file);
        this.#inodes.set(file.number, file);
        break;
      }
      case 'makeDirectory': {
        tree.makeDirectory(operation.path);
        const directory = tree.directory(operation.path, 'mkdir');
        this.#inodes.set(directory.number, directory);
        break;
      }
      case 'rename':
        tree.rename(operation.from, operation.to);
        break;
      case 'removeFile':
        tree.removeFile(operation.path);
        break;
      case 'removeDirectory':
        tree.removeDirectory(operation.path);
        break;
      case 'write':
        tree.write(this.#file(operation), operation.path, operation.position, operation.bytes);
        break;
      case 'truncate':
        tree.truncate(this.#file(operation), operation.path, operation.sizeBytes);
        break;
      case 'sync':
        tree.sync(this.#file(operation), operation.path, operation.covers);
        break;
      case 'syncDirectory': {
        const directory = this.#inodes.get(operation.directory);
        assert(directory?.kind === 'directory', unknownInode(operation.path));
        tree.syncDirectory(directory, operation.path, operation.covers);
        break;
      }
      case 'failedSync': {
        const file = this.#file(operation);
        file.setAfterFailedSync(operation.durable, operation.cached);
        tree.recordFailedSync(file, operation.path);
      }
    }
  }

  crash(count: number): SimulatedDisk {
    return this.#disk.crash(this.#policy, this.#random.stream(`crash point ${count}`));
  }

  #file(operation: { readonly file: number; readonly path: string }): FileInode {
    const file = this.#inodes.get(operation.file);
    assert(file?.kind === 'file', unknownInode(operation.path));
    return file;
  }

  #collect(directory: DirectoryInode): void {
    this.#inodes.set(directory.number, directory);
    for (const inode of directory.entries.values()) {
      if (inode.kind === 'directory') this.#collect(inode);
      else this.#inodes.set(inode.number, inode);
    }
  }
}

function unknownInode(path: string): string {
  return `the operations use ${path}, which was there before they began: pass that disk as base`;
}

const microtaskHost: DiskHost = {
  later: (_call, end) => {
    void Promise.resolve().then(end);
  },
  assertAlive: () => undefined,
  changed: () => undefined,
};
