import { SnapshotStore, StateMachineHost, type StateMachineHostOptions } from '@millrace/state-machine';
import { ManualClock, recordingLogger, SimulatedDisk } from '@millrace/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryLog } from './memory-log.js';
import { type Sum, sumCodec, type SumCommand, sumMachine } from './sum-machine.js';

type Options = StateMachineHostOptions<Sum, SumCommand, number, number>;

const environment = { clock: new ManualClock(), logger: recordingLogger() };

function open(log: MemoryLog, options: Partial<Options> = {}) {
  return StateMachineHost.open<Sum, SumCommand, number, number>({
    name: 'adder',
    machine: sumMachine,
    log,
    environment,
    maxPending: 100,
    loadingCode: 'COORDINATOR_LOAD_IN_PROGRESS',
    ...options,
  });
}

/** Lets promise jobs run; there are no timers in play. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}

/** Records when and how a promise ends. */
function outcome<Value>(promise: Promise<Value>): { value?: Value; error?: { code?: string; message: string } } {
  const result: { value?: Value; error?: { code?: string; message: string } } = {};
  promise.then(
    (value) => (result.value = value),
    (error: unknown) => (result.error = error as Error),
  );
  return result;
}

const add = (...numbers: number[]): SumCommand => ({ kind: 'add', numbers });

describe('replies', () => {
  test('are released only when their entries are committed, in order', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    const first = outcome(host.submit(add(1)));
    const second = outcome(host.submit(add(2, 3)));
    await settle();
    expect([first, second, host.state.total]).toEqual([{}, {}, 0]);
    log.commit(1);
    await settle();
    expect([first.value, second, host.state.total]).toEqual([1, {}, 1]);
    log.commit(3);
    await settle();
    expect([second.value, host.state.total, host.position]).toEqual([6, 6, 3]);
  });

  test('of commands that change nothing wait for what they rest on', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    const change = outcome(host.submit(add(1)));
    const look = outcome(host.submit({ kind: 'look' }));
    const refusal = outcome(host.submit({ kind: 'refuse' }));
    await settle();
    expect([change, look, refusal]).toEqual([{}, {}, {}]);
    log.commit(1);
    await settle();
    expect([change.value, look.value, refusal.error?.message]).toEqual([1, 1, 'refused at 1']);
  });

  test('come after subscribers have seen the change', async () => {
    const log = new MemoryLog();
    const events: string[] = [];
    const host = await open(log, {
      onCommitted: (state, entries, position) => events.push(`${position}: ${state.total} by [${entries.join()}]`),
    });
    void host.submit(add(1)).then(() => events.push('first reply'));
    void host.submit(add(2, 3)).then(() => events.push('second reply'));
    log.commit(3);
    await settle();
    expect(events).toEqual(['0: 0 by []', '1: 1 by [1]', '3: 6 by [2,3]', 'first reply', 'second reply']);
  });
});

describe('failures', () => {
  test('a failed append leaves no trace', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    log.failNextAppend = 'before';
    await expect(host.submit(add(5))).rejects.toThrow('append failed');
    log.isEager = true;
    await expect(host.submit(add(1))).resolves.toBe(1);
    expect(log.committedEntries).toEqual([1]);
  });

  test('an append that fails half way throws the state away and reads the log back', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    const waiting = outcome(host.submit(add(1)));
    log.failNextAppend = 'after';
    const failed = outcome(host.submit(add(5)));
    await settle();
    expect([waiting.error?.message, failed.error?.message]).toEqual([
      'append failed half way',
      'append failed half way',
    ]);
    expect(host.state).toEqual({ total: 6, applied: ['0:1', '1:5'] });
  });

  test('an entry that cannot be applied never reaches the log', async () => {
    const log = new MemoryLog();
    log.isEager = true;
    const host = await open(log);
    await expect(host.submit(add(4, -1))).rejects.toThrow('cannot be applied');
    expect(log.endPosition).toBe(0);
    await expect(host.submit(add(1))).resolves.toBe(1);
  });

  test('a lost commit rejects what waits, forgets what was not committed and decides anew', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    const kept = outcome(host.submit(add(1)));
    const lost = outcome(host.submit(add(10)));
    log.commit(1);
    await settle();
    log.lose(0);
    await settle();
    expect([kept.value, lost.error?.message, host.state.total]).toEqual([1, 'leadership lost', 1]);
    log.isEager = true;
    await expect(host.submit(add(2))).resolves.toBe(3);
  });

  test('a log lost while nothing waits is read back before the next decision', async () => {
    const log = new MemoryLog();
    log.isEager = true;
    const host = await open(log);
    await host.submit(add(1));
    log.lose(0);
    // What another leader appended meanwhile.
    log.append([7]);
    await settle();
    await expect(host.submit({ kind: 'look' })).resolves.toBe(8);
  });

  test('calls during a rebuild are told to come back', async () => {
    const host = await open(new MemoryLog());
    host.resign(new Error('not the leader'));
    const expected = { code: 'COORDINATOR_LOAD_IN_PROGRESS', retriable: true };
    await expect(host.submit(add(1))).rejects.toMatchObject(expected);
    host.resign(new Error('again'));
    await expect(host.read()).rejects.toMatchObject(expected);
    await settle();
    expect(host.isActive).toBe(true);
  });

  test('a log that cannot be read back fails every call until a rebuild works', async () => {
    const log = new MemoryLog();
    const host = await open(log);
    log.failReplay = new Error('disk gone');
    host.resign(new Error('sync failed'));
    await settle();
    await expect(host.submit(add(1))).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', cause: log.failReplay });
    log.failReplay = undefined;
    log.isEager = true;
    await host.rebuild();
    await expect(host.submit(add(1))).resolves.toBe(1);
  });

  test('close rejects what waits and everything after', async () => {
    const host = await open(new MemoryLog());
    const waiting = outcome(host.submit(add(1)));
    await host.close();
    await settle();
    expect(waiting.error?.code).toBe('BROKER_NOT_AVAILABLE');
    await expect(host.submit(add(1))).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
    await expect(host.read()).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
  });
});

test('no more than so many commands wait', async () => {
  const log = new MemoryLog();
  const host = await open(log, { maxPending: 3 });
  const accepted = [outcome(host.submit(add(1))), outcome(host.submit({ kind: 'look' })), outcome(host.read())];
  const refused = outcome(host.submit(add(1)));
  await settle();
  expect(refused.error).toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true });
  log.commit(1);
  await settle();
  expect(accepted.map(({ value }) => value !== undefined)).toEqual([true, true, true]);
  expect(outcome(host.submit(add(1))).error).toBeUndefined();
});

test('a read holds everything that was appended before it', async () => {
  const log = new MemoryLog();
  const host = await open(log);
  void host.submit(add(1));
  const read = outcome(host.read());
  await settle();
  expect(read).toEqual({});
  log.commit(1);
  await settle();
  expect(read.value?.total).toBe(1);
});

describe('snapshots', () => {
  function store(disk: SimulatedDisk): SnapshotStore {
    return new SnapshotStore({ environment: { files: disk.files(), logger: environment.logger }, directory: '/' });
  }

  test('shorten the replay, and the log is cut below the older of two', async () => {
    const disk = new SimulatedDisk();
    const log = new MemoryLog();
    log.isEager = true;
    const snapshots = { store: store(disk), codec: sumCodec, everyEntries: 4 };
    const host = await open(log, { snapshots });
    for (let i = 1; i <= 10; i += 1) {
      await host.submit(add(i));
      await settle();
    }
    expect(disk.files().list('/')).toEqual(['00000000000000000004.checkpoint', '00000000000000000008.checkpoint']);
    expect(log.startPosition).toBe(4);
    const live = host.state;
    await host.close();
    const again = await open(log, { snapshots });
    expect(again.state).toEqual(live);
    expect(again.state.total).toBe(55);
  });

  test('one that cannot be written costs nothing but a longer log', async () => {
    const disk = new SimulatedDisk();
    const log = new MemoryLog();
    log.isEager = true;
    const host = await open(log, { snapshots: { store: store(disk), codec: sumCodec, everyEntries: 2 } });
    disk.failNext({ operation: 'sync', code: 'EIO' });
    for (let i = 0; i < 4; i += 1) {
      await host.submit(add(1));
      await settle();
    }
    expect(log.startPosition).toBe(0);
    expect(disk.files().list('/')).toEqual(['00000000000000000004.checkpoint']);
  });

  test('a log that begins after the newest snapshot is refused, not taken for the whole', async () => {
    const log = new MemoryLog();
    log.isEager = true;
    const host = await open(log);
    await host.submit(add(1, 2, 3));
    await host.close();
    log.advanceStart(2);
    await expect(open(log)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    const disk = new SimulatedDisk();
    await store(disk).write(4, sumCodec.encode(host.state));
    const snapshots = { store: store(disk), codec: sumCodec, everyEntries: 10 };
    await expect(open(log, { snapshots })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});

/**
 * The model is the list of committed entries. After any sequence of commands, commits, failed appends and lost
 * leaderships, with snapshots in between: the committed state is the replay of the committed entries, a reply came only
 * after its commit, and a command whose append failed has left nothing.
 */
test('property: the state is the replay of the committed log, and no reply comes before its commit', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('add' as const), numbers: fc.array(fc.nat(9), { maxLength: 3 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), count: fc.nat(4) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('fail' as const),
        when: fc.constantFrom('before' as const, 'after' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), keep: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const log = new MemoryLog();
      const disk = new SimulatedDisk(undefined, { record: false });
      const snapshots = {
        store: new SnapshotStore({ environment: { files: disk.files(), logger: environment.logger }, directory: '/' }),
        codec: sumCodec,
        everyEntries: 3,
      };
      let lastSeen = -1;
      const host = await open(log, {
        snapshots,
        onCommitted: (_state, _entries, position) => {
          expect(position).toBeGreaterThanOrEqual(lastSeen);
          expect(position).toBeLessThanOrEqual(log.committedPosition);
          lastSeen = position;
        },
      });
      const acknowledged: string[] = [];
      for (const one of steps) {
        if (one.do === 'commit') log.commit(Math.min(log.endPosition, log.committedPosition + one.count));
        else if (one.do === 'lose') log.lose(one.keep);
        else if (one.do === 'fail') log.failNextAppend = one.when;
        else if (one.do === 'settle') await settle();
        else {
          const start = log.endPosition;
          const numbers = one.do === 'add' ? one.numbers : [];
          host.submit({ kind: 'add', numbers }).then(
            () => {
              expect(log.committedPosition).toBeGreaterThanOrEqual(start + numbers.length);
              acknowledged.push(...numbers.map((number, index) => `${start + index}:${number}`));
            },
            () => undefined,
          );
        }
      }
      await settle();
      log.commit(log.endPosition);
      await settle();
      const live = host.state;
      expect(acknowledged.filter((entry) => !live.applied.includes(entry))).toEqual([]);
      await host.close();
      const replayed = await open(log, { snapshots });
      expect(replayed.state).toEqual(live);
      expect(replayed.position).toBe(log.committedPosition);
    }),
    { numRuns: 300 },
  );
});
