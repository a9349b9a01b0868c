/**
 * The disk of a replica that loses power at every operation of a random run: what was synced is there, what is there is what
 * some number of the calls made, and loading again changes nothing.
 */
import { metadataTopic } from '@millrace/controller';
import { encodeMembership, membership, type DurableState, type RaftEntry } from '@millrace/raft';
import { encodeSnapshot, SnapshotStore } from '@millrace/state-machine';
import { LogDirectory } from '@millrace/storage';
import { ManualClock, recordingLogger, recordingMetrics, seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { MetadataRaftStorage } from '../../src/quorum/metadata-raft-storage.js';

const self = { id: 1, directoryId: 'd1' };
const members = membership([self, { id: 2, directoryId: 'd2' }]);

async function openDisk(disk: SimulatedDisk, directoryId = 'd1') {
  const environment = {
    clock: new ManualClock(),
    logger: recordingLogger(),
    metrics: recordingMetrics(),
    random: seededRandom('node'),
    files: disk.files(),
  };
  const directory = await LogDirectory.open(environment, { path: '/data', nodeId: 1, lowSpaceBytes: 0 });
  const { name: topic, partition, topicId, config } = metadataTopic;
  const log = await directory.createLog({ topic, partition, topicId, config });
  const snapshots = new SnapshotStore({ environment, directory: log.directory });
  const storage = new MetadataRaftStorage({ environment, log, snapshots, self: { id: 1, directoryId } });
  return { storage, snapshots, directory, log };
}

function entry(position: number, term: number, count = 1): RaftEntry {
  const records = Array.from({ length: count }, (_, index) => Buffer.from(`${position + index} in ${term}`));
  return { position, term, kind: 'records', records };
}

/** As text: what the model remembers, and what a disk gave back. */
function describe({ hardState, start, entries, snapshot }: DurableState): { votes: string; log: string } {
  const { term, vote } = hardState;
  const lines = entries.map((one) => `${one.position}:${one.term}:${one.kind}:${one.records.map(String).join('+')}`);
  const voters = start.membership.voters.map(({ id }) => id).join();
  return {
    votes: `${term} ${vote?.id ?? '-'}`,
    log: `${start.position}/${start.term}/${voters} ${snapshot?.position ?? '-'} ${lines.join(' ')}`,
  };
}

test('what was reported durable survives a power cut at any operation, and recovery is the same twice', async () => {
  const disk = new SimulatedDisk();
  const { storage, snapshots, directory } = await openDisk(disk);
  let model: DurableState = await storage.load();
  /** Every state that the calls led to, in order; the log and the votes are different files. */
  const votes = [describe(model).votes];
  const logs = [describe(model).log];
  const durable: { operations: number; votes: number; logs: number }[] = [];
  const note = (change: Partial<DurableState>): void => {
    model = { ...model, ...change };
    const now = describe(model);
    if (now.votes !== votes.at(-1)) votes.push(now.votes);
    if (now.log !== logs.at(-1)) logs.push(now.log);
  };
  const sync = async (): Promise<void> => {
    await storage.sync();
    durable.push({ operations: disk.operations.length, votes: votes.length - 1, logs: logs.length - 1 });
  };
  const append = (...entries: RaftEntry[]): void => {
    storage.append(entries);
    // A power cut may come between two entries of one call.
    for (const one of entries) note({ entries: [...model.entries, one] });
  };
  const truncate = (end: number): void => {
    storage.truncate(end);
    note({ entries: model.entries.filter(({ position }) => position < end) });
  };

  storage.saveHardState({ term: 1, vote: self });
  note({ hardState: { term: 1, vote: self } });
  await sync();
  append({ position: 0, term: 1, kind: 'term', records: [Buffer.alloc(0)] });
  append({ position: 1, term: 1, kind: 'membership', records: [encodeMembership(members)] }, entry(2, 1, 3));
  await sync();
  append(entry(5, 1), entry(6, 1, 2));
  storage.saveHardState({ term: 3, vote: undefined });
  note({ hardState: { term: 3, vote: undefined } });
  // Another leader's entries take the place of ours, in one go with what follows.
  truncate(5);
  append(entry(5, 3, 2));
  await sync();
  append(entry(7, 3), entry(8, 3), entry(9, 3));
  await sync();
  for (const position of [5, 9]) {
    await snapshots.write(position, [Buffer.from(`state at ${position}`)]);
    note({ snapshot: { position, sizeBytes: 0 } });
    durable.push({ operations: disk.operations.length, votes: votes.length - 1, logs: logs.length - 1 });
  }
  const start = { position: 5, term: 1, membership: members };
  storage.advanceStart(start);
  note({ start, entries: model.entries.filter(({ position }) => position >= 5) });
  append(entry(10, 4));
  await sync();
  const bytes = encodeSnapshot(30, [Buffer.from('the state at 30')]);
  const installed = { position: 30, term: 4, membership: members, sizeBytes: bytes.length };
  storage.receiveSnapshot(installed, 0, bytes.subarray(0, 20));
  storage.receiveSnapshot(installed, 20, bytes.subarray(20));
  storage.installSnapshot(installed);
  const { position, term } = installed;
  note({ start: { position, term, membership: members }, entries: [], snapshot: { position, sizeBytes: 0 } });
  append(entry(30, 5), entry(31, 5));
  storage.saveHardState({ term: 5, vote: { id: 2, directoryId: 'd2' } });
  note({ hardState: { term: 5, vote: { id: 2, directoryId: 'd2' } } });
  await sync();
  await directory.close();

  const seen = new Set<string>();
  let checked = 0;
  for (const unsynced of ['kept', 'lost', 'torn', 'random'] as const) {
    const random = seededRandom(`crash ${unsynced}`);
    for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, { unsynced, random })) {
      const known = durable.findLast(({ operations }) => operations <= count);
      if (known === undefined) continue;
      const first = await openDisk(after);
      const found = describe(await first.storage.load());
      const where = `${unsynced} at ${count}: ${JSON.stringify(found)}`;
      expect(votes.lastIndexOf(found.votes), where).toBeGreaterThanOrEqual(known.votes);
      expect(logs.lastIndexOf(found.log), where).toBeGreaterThanOrEqual(known.logs);
      await first.directory.close();
      const second = await openDisk(after);
      expect(describe(await second.storage.load()), where).toEqual(found);
      await second.directory.close();
      seen.add(found.log);
      checked += 1;
    }
  }
  expect(checked).toBeGreaterThan(200);
  expect(seen.size).toBeGreaterThan(12);
});

test('a damaged file of votes is never taken for a missing one', async () => {
  const disk = new SimulatedDisk();
  const { storage, directory } = await openDisk(disk);
  await storage.load();
  storage.saveHardState({ term: 7, vote: self });
  await storage.sync();
  await directory.close();
  const path = `/data/${metadataTopic.name}-0/quorum-state`;
  const sizeBytes = disk.files().stat(path)?.sizeBytes ?? 0;
  expect(sizeBytes).toBeGreaterThan(100);
  for (let bit = 0; bit < sizeBytes * 8; bit += 13) {
    disk.flipBit(path, bit);
    const again = await openDisk(disk);
    await expect(again.storage.load()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await again.directory.close();
    disk.flipBit(path, bit);
  }
});

test('a copy of another directory is refused', async () => {
  const disk = new SimulatedDisk();
  const { storage, directory } = await openDisk(disk);
  await storage.load();
  storage.saveHardState({ term: 1, vote: self });
  await storage.sync();
  await directory.close();
  const { storage: copy } = await openDisk(disk, 'another');
  await expect(copy.load()).rejects.toMatchObject({ code: 'INVALID_VOTER_KEY' });
});
