/**
 * The state of a simulated disk, and the changes that can be made to it: the same code serves a running file system
 * and the rebuilding of a disk from recorded operations.
 *
 * Each change takes the next sequence number, which is its index among the recorded operations.
 */
import { DirectoryInode, type Inode } from './directory-inode.js';
import { FileInode } from './file-inode.js';
import type { DiskOperation } from './operation.js';
import { systemError } from './system-error.js';

export class DiskTree {
  readonly root = new DirectoryInode(0);
  readonly operations: DiskOperation[] = [];
  /** The sum of the sizes of all files that a name or a handle leads to. */
  usedBytes = 0;
  readonly #isRecording: boolean;
  #sequence = 0;
  #inodes = 0;
  #opened = new Set<FileInode>();

  constructor(isRecording: boolean) {
    this.#isRecording = isRecording;
  }

  /** The sequence number the next operation will have. */
  get sequence(): number {
    return this.#sequence;
  }

  lookup(path: string): Inode | undefined {
    let inode: Inode = this.root;
    for (const name of namesOf(path)) {
      const next: Inode | undefined = inode.kind === 'directory' ? inode.entries.get(name) : undefined;
      if (next === undefined) return undefined;
      inode = next;
    }
    return inode;
  }

  directory(path: string, call: string): DirectoryInode {
    const inode = this.lookup(path);
    if (inode === undefined) throw systemError('ENOENT', call, path);
    if (inode.kind === 'file') throw systemError('ENOTDIR', call, path);
    return inode;
  }

  /** A file without a directory entry of its own yet: for a disk that is being built. */
  newFile(content?: Uint8Array): FileInode {
    this.#inodes += 1;
    return new FileInode(this.#inodes, content);
  }

  newDirectory(): DirectoryInode {
    this.#inodes += 1;
    return new DirectoryInode(this.#inodes);
  }

  create(path: string): FileInode {
    const { parent, name } = this.#parent(path, 'open');
    const file = this.newFile();
    file.links = 1;
    parent.change({ kind: 'link', sequence: this.#record({ kind: 'create', path }), name, inode: file });
    return file;
  }

  /** Nothing happens when it exists. */
  makeDirectory(path: string): void {
    const { parent, name } = this.#parent(path, 'mkdir');
    const existing = parent.entries.get(name);
    if (existing?.kind === 'file') throw systemError('EEXIST', 'mkdir', path);
    if (existing !== undefined) return;
    const sequence = this.#record({ kind: 'makeDirectory', path });
    parent.change({ kind: 'link', sequence, name, inode: this.newDirectory() });
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from, 'rename');
    const target = this.#parent(to, 'rename');
    const inode = source.parent.entries.get(source.name);
    if (inode === undefined) throw systemError('ENOENT', 'rename', from);
    const replaced = target.parent.entries.get(target.name);
    if (replaced === inode) return;
    if (replaced !== undefined) assertReplaceable(inode, replaced, to);
    const sequence = this.#record({ kind: 'rename', from, to });
    if (source.parent === target.parent) {
      source.parent.change({ kind: 'rename', sequence, from: source.name, to: target.name, inode });
    } else {
      target.parent.change({ kind: 'link', sequence, name: target.name, inode });
      source.parent.change({ kind: 'unlink', sequence, name: source.name });
    }
    if (replaced?.kind === 'file') this.#unlinked(replaced);
  }

  removeFile(path: string): void {
    const { parent, name } = this.#parent(path, 'unlink');
    const inode = parent.entries.get(name);
    if (inode === undefined) throw systemError('ENOENT', 'unlink', path);
    if (inode.kind === 'directory') throw systemError('EISDIR', 'unlink', path);
    parent.change({ kind: 'unlink', sequence: this.#record({ kind: 'removeFile', path }), name });
    this.#unlinked(inode);
  }

  removeDirectory(path: string): void {
    const directory = this.directory(path, 'rmdir');
    const { parent, name } = this.#parent(path, 'rmdir');
    const sequence = this.#record({ kind: 'removeDirectory', path });
    this.#empty(directory, sequence);
    parent.change({ kind: 'unlink', sequence, name });
  }

  write(file: FileInode, path: string, position: number, bytes: Uint8Array): void {
    const before = file.sizeBytes;
    // Not slice(): the caller's may be a Buffer, whose slice is a view.
    const copy = new Uint8Array(bytes);
    file.write(this.#record({ kind: 'write', path, file: file.number, position, bytes: copy }), position, copy);
    this.usedBytes += file.sizeBytes - before;
  }

  truncate(file: FileInode, path: string, sizeBytes: number): void {
    const before = file.sizeBytes;
    file.truncate(this.#record({ kind: 'truncate', path, file: file.number, sizeBytes }), sizeBytes);
    this.usedBytes += file.sizeBytes - before;
  }

  /** A sync that began at sequence number `covers` ends now. */
  sync(file: FileInode, path: string, covers: number): void {
    this.#record({ kind: 'sync', path, file: file.number, covers });
    file.makeDurable(covers);
  }

  syncDirectory(directory: DirectoryInode, path: string, covers: number): void {
    this.#record({ kind: 'syncDirectory', path, directory: directory.number, covers });
    directory.makeDurable(covers);
  }

  /** After `file` took what a failed sync left. */
  recordFailedSync(file: FileInode, path: string): void {
    const { durable, cached } = file;
    this.#record({ kind: 'failedSync', path, file: file.number, durable: durable.slice(), cached: cached.slice() });
  }

  opened(file: FileInode): void {
    file.handles += 1;
    this.#opened.add(file);
  }

  closed(file: FileInode): void {
    file.handles -= 1;
    if (file.handles === 0) this.#opened.delete(file);
    this.#freeUnused(file);
  }

  /** The process that had files open has ended. */
  closeAll(): void {
    for (const file of this.#opened) {
      file.handles = 0;
      this.#freeUnused(file);
    }
    this.#opened.clear();
  }

  #unlinked(file: FileInode): void {
    file.links -= 1;
    this.#freeUnused(file);
  }

  #freeUnused(file: FileInode): void {
    if (file.links === 0 && file.handles === 0) this.usedBytes -= file.sizeBytes;
  }

  #empty(directory: DirectoryInode, sequence: number): void {
    for (const [name, inode] of [...directory.entries]) {
      if (inode.kind === 'directory') this.#empty(inode, sequence);
      else this.#unlinked(inode);
      directory.change({ kind: 'unlink', sequence, name });
    }
  }

  #parent(path: string, call: string): { parent: DirectoryInode; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    // Only the root has no name; nobody may replace or remove it.
    if (name === undefined) throw systemError('EISDIR', call, path);
    const parent = this.lookup(names.join('/'));
    if (parent === undefined) throw systemError('ENOENT', call, path);
    if (parent.kind === 'file') throw systemError('ENOTDIR', call, path);
    return { parent, name };
  }

  #record(operation: DiskOperation): number {
    if (this.#isRecording) this.operations.push(operation);
    this.#sequence += 1;
    return this.#sequence - 1;
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function assertReplaceable(inode: Inode, replaced: Inode, path: string): void {
  if (replaced.kind === 'file') {
    if (inode.kind === 'directory') throw systemError('ENOTDIR', 'rename', path);
    return;
  }
  if (inode.kind === 'file') throw systemError('EISDIR', 'rename', path);
  if (replaced.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', path);
}
