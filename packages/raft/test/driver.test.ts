/** The driver over simulated disks and clocks; messages pass through memory. */
import { describe, expect, test } from 'vitest';
import { assert, silentLogger } from '@millrace/base';
import { Simulation } from '@millrace/testkit';
import { RaftDriver } from '../src/driver/raft-driver.js';
import type { RaftTransport } from '../src/driver/raft-transport.js';
import type { RaftEntry } from '../src/entry.js';
import type { Leadership } from '../src/leadership.js';
import { membership } from '../src/membership.js';
import type { RaftMessage } from '../src/messages.js';
import { replicaKey } from '../src/replica.js';
import { DiskStorage } from './disk-storage.js';

interface Node {
  readonly id: number;
  driver: RaftDriver;
  storage: DiskStorage;
  /** Each committed record, by position. */
  records: Map<number, string>;
  failures: unknown[];
  leaderships: Leadership[];
  installed: number[];
}

class Drivers {
  readonly simulation: Simulation;
  readonly nodes = new Map<number, Node>();
  readonly away = new Set<number>();
  readonly #members;

  constructor(seed: number, voters: number) {
    this.simulation = new Simulation({ seed });
    this.#members = membership(Array.from({ length: voters }, (_, index) => replicaKey(index + 1, 'd')));
  }

  async open(id: number, isRestart = false): Promise<Node> {
    const name = `node ${id}`;
    const environment = isRestart ? this.simulation.restart(name) : this.simulation.environment(name);
    const transport: RaftTransport & { isOld?: boolean } = {
      onMessage: undefined,
      send: (to, message) => {
        this.#send(id, to, message);
      },
    };
    const storage = new DiskStorage(environment.files, '/raft', this.#members);
    const node: Omit<Node, 'driver'> = {
      id,
      storage,
      records: new Map(),
      failures: [],
      leaderships: [],
      installed: [],
    };
    this.#transports.set(id, transport);
    const snapshot = isRestart
      ? await this.simulation.complete(storage.load().then((durable) => durable.snapshot))
      : undefined;
    if (snapshot !== undefined) restore(node, snapshot.position);
    const driver = await this.simulation.complete(
      RaftDriver.open({
        self: replicaKey(id, 'd'),
        storage,
        transport,
        clock: environment.clock,
        random: environment.random.stream('raft'),
        logger: silentLogger,
        settings: { electionTimeoutMs: 200, heartbeatIntervalMs: 40 },
        listener: {
          onCommitted: (entry) => {
            note(node.records, entry);
          },
          onLeadership: (leadership) => {
            node.leaderships.push(leadership);
          },
          onSnapshotInstalled: ({ position }) => {
            node.installed.push(position);
            restore(node, position);
          },
          onFailed: (error) => {
            node.failures.push(error);
          },
        },
      }),
    );
    const whole = Object.assign(node, { driver });
    this.nodes.set(id, whole);
    return whole;
  }

  crash(id: number): void {
    this.simulation.crash(`node ${id}`, 'random');
    this.#transports.delete(id);
    this.nodes.delete(id);
  }

  async leader(): Promise<Node> {
    let found: Node | undefined;
    await this.simulation.runUntil(() => {
      found = [...this.nodes.values()].find(
        ({ id, driver }) =>
          !this.away.has(id) && driver.leadership.role === 'leader' && driver.committedPosition === driver.endPosition,
      );
      return found !== undefined;
    });
    assert(found !== undefined, 'no leader');
    return found;
  }

  readonly #transports = new Map<number, RaftTransport>();

  #send(from: number, to: number, message: RaftMessage): void {
    if (this.away.has(from) || this.away.has(to)) return;
    this.simulation.environment('wire').clock.schedule(1, () => {
      this.#transports.get(to)?.onMessage?.(message);
    });
  }
}

function note(records: Map<number, string>, entry: RaftEntry): void {
  if (entry.kind !== 'records') return;
  entry.records.forEach((record, index) => records.set(entry.position + index, Buffer.from(record).toString()));
}

/** The state is the records; a snapshot holds them as JSON. */
function restore(node: Pick<Node, 'records' | 'storage'>, position: number): void {
  node.records.clear();
  const records = JSON.parse(Buffer.from(node.storage.content(position)).toString()) as [number, string][];
  for (const [at, text] of records) node.records.set(at, text);
}

async function compact({ simulation }: Drivers, { driver, storage, records }: Node): Promise<void> {
  const position = driver.committedPosition;
  await simulation.complete(storage.writeSnapshot(position, bytes(JSON.stringify([...records]))));
  driver.advanceStart(position);
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('the driver', () => {
  test('commits on three disks what its leader appends, and hands it out on every replica', async () => {
    const drivers = new Drivers(1, 3);
    for (const id of [1, 2, 3]) await drivers.open(id);
    const { driver } = await drivers.leader();
    const end = driver.append([bytes('a'), bytes('b')]);
    expect(end).toBe(driver.endPosition);
    await drivers.simulation.complete(driver.committed(end));
    expect(driver.committedPosition).toBe(end);
    await drivers.simulation.runFor(200);
    for (const { records } of drivers.nodes.values()) {
      expect([...records]).toEqual([
        [end - 2, 'a'],
        [end - 1, 'b'],
      ]);
    }
  });

  test('gives a replay only while it leads, without the entries that are its own', async () => {
    const drivers = new Drivers(2, 1);
    const { driver } = await drivers.open(1);
    const seen: string[] = [];
    const first = await drivers.simulation.complete(driver.replay(0, () => seen.push('early')));
    expect(driver.leadership.role).toBe('leader');
    expect(first).toBe(1);
    const end = driver.append([bytes('a')]);
    const reached = await drivers.simulation.complete(
      driver.replay(0, (record, position) => seen.push(`${position} ${Buffer.from(record).toString()}`)),
    );
    expect(reached).toBe(end);
    expect(seen).toEqual(['1 a']);
  });

  test('tells a leader that lost its followers, rejects what waits, and refuses to append', async () => {
    const drivers = new Drivers(3, 3);
    for (const id of [1, 2, 3]) await drivers.open(id);
    const old = await drivers.leader();
    const reasons: unknown[] = [];
    old.driver.onLost = (reason) => reasons.push(reason);
    drivers.away.add(old.id);
    const waiting = old.driver.committed(old.driver.append([bytes('lost')]));
    const outcome = waiting.then(
      () => 'committed',
      (error: unknown) => (error as { code: string }).code,
    );
    const barrier = old.driver.barrier().then(
      () => 'current',
      (error: unknown) => (error as { code: string }).code,
    );
    const next = await drivers.leader();
    expect(next.id).not.toBe(old.id);
    expect(await drivers.simulation.complete(outcome)).toBe('NOT_CONTROLLER');
    expect(await drivers.simulation.complete(barrier)).toBe('NOT_CONTROLLER');
    expect(reasons.length).toBeGreaterThan(0);
    expect(() => old.driver.append([bytes('x')])).toThrow(/does not lead/);
    await drivers.simulation.complete(next.driver.barrier());
    drivers.away.clear();
    const end = next.driver.append([bytes('kept')]);
    await drivers.simulation.complete(next.driver.committed(end));
    await drivers.simulation.runFor(500);
    expect([...old.records.values()]).toEqual(['kept']);
  });

  test('stops for good when its disk fails, leads no more, and answers nothing that was not synced', async () => {
    const drivers = new Drivers(4, 1);
    const node = await drivers.open(1);
    const { driver } = await drivers.leader();
    drivers.simulation.disk('node 1').failNext({ operation: 'sync', code: 'EIO' });
    const waiting = driver.committed(driver.append([bytes('a')])).then(
      () => 'committed',
      (error: unknown) => (error as { code: string }).code,
    );
    expect(await drivers.simulation.complete(waiting)).toBe('KAFKA_STORAGE_ERROR');
    expect(node.failures).toHaveLength(1);
    const { term } = driver.leadership;
    expect(driver.leadership).toEqual({ role: 'observer', term, leader: undefined });
    expect(node.leaderships.at(-1)).toEqual(driver.leadership);
    expect(() => driver.append([bytes('b')])).toThrow(/has stopped/);
    await expect(driver.replay(0, () => undefined)).rejects.toThrow(/has stopped/);
  });

  test('rejects what waits when it is closed, and sends nothing any more', async () => {
    const drivers = new Drivers(5, 1);
    const { driver } = await drivers.open(1);
    const replay = driver.replay(0, () => undefined);
    const outcome = replay.then(
      () => 'replayed',
      (error: unknown) => (error as { code: string }).code,
    );
    await drivers.simulation.complete(driver.close());
    expect(await drivers.simulation.complete(outcome)).toBe('BROKER_NOT_AVAILABLE');
    expect(() => driver.append([bytes('a')])).toThrow(/is closed/);
    await expect(driver.barrier()).rejects.toThrow(/is closed/);
  });

  test('sends its snapshot to a replica that was away, which then follows the log', async () => {
    const drivers = new Drivers(6, 3);
    for (const id of [1, 2, 3]) await drivers.open(id);
    const leader = await drivers.leader();
    const { driver, id } = leader;
    const away = [1, 2, 3].find((other) => other !== id) ?? 0;
    drivers.away.add(away);
    const end = driver.append([bytes('a'), bytes('b')]);
    await drivers.simulation.complete(driver.committed(end));
    await compact(drivers, leader);
    expect(driver.startPosition).toBe(end);
    expect(() => driver.committedEntries(0)).toThrow(/newer snapshot/);
    drivers.away.clear();
    const last = driver.append([bytes('c')]);
    await drivers.simulation.complete(driver.committed(last));
    await drivers.simulation.runFor(1500);
    const node = drivers.nodes.get(away);
    expect(node?.installed).toEqual([end]);
    expect([...(node?.records.values() ?? [])]).toEqual(['a', 'b', 'c']);
    expect(node?.records.get(last - 1)).toBe('c');
  });

  test('adds an observer as a voter and hands leadership to it', async () => {
    const drivers = new Drivers(7, 1);
    await drivers.open(1);
    const { driver } = await drivers.leader();
    const two = await drivers.open(2);
    await drivers.simulation.runFor(1000);
    expect(two.driver.leadership.role).toBe('observer');
    await drivers.simulation.complete(driver.addVoter(replicaKey(2, 'd')));
    expect(driver.membership.voters.map(({ id }) => id)).toEqual([1, 2]);
    await drivers.simulation.complete(driver.transferLeadership(2));
    expect((await drivers.leader()).id).toBe(2);
    await drivers.simulation.complete(two.driver.removeVoter(replicaKey(1, 'd')));
    expect(two.driver.membership.voters.map(({ id }) => id)).toEqual([2]);
  });

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'loses no committed record in power cuts of real drivers, seed %i',
    async (seed) => {
      const drivers = new Drivers(1000 + seed, 3);
      const random = drivers.simulation.random.stream('power cuts');
      for (const id of [1, 2, 3]) await drivers.open(id);
      const committed = new Map<number, string>();
      for (let round = 0; round < 8; round += 1) {
        const leader = await drivers.leader();
        const { driver } = leader;
        if (random.integer(0, 3) === 0) await compact(drivers, leader);
        for (let index = 0; index < 5; index += 1) {
          const text = `${round}-${index}`;
          const end = driver.append([bytes(text)]);
          driver.committed(end).then(
            () => committed.set(end - 1, text),
            () => undefined,
          );
        }
        await drivers.simulation.runFor(random.integer(0, 12));
        const victims = random.integer(0, 4) === 0 ? [1, 2, 3] : [random.integer(1, 4)];
        for (const id of victims) drivers.crash(id);
        await drivers.simulation.runFor(random.integer(0, 600));
        for (const id of victims) await drivers.open(id, true);
      }
      await drivers.leader();
      await drivers.simulation.runFor(2000);
      expect(committed.size).toBeGreaterThan(0);
      for (const { records, failures } of drivers.nodes.values()) {
        expect(failures).toEqual([]);
        for (const [position, text] of committed) expect(records.get(position)).toBe(text);
      }
    },
  );
});
