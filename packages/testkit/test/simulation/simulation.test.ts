import { sleep, type Environment } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { Simulation } from '../../src/index.js';

describe('virtual time', () => {
  test('passes only as far as it is run, and timers fire on time or a little late, in order', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { clock } = simulation.environment('a');
    const fired: number[] = [];
    for (const delay of [30, 10, 20]) {
      clock.schedule(delay, () => {
        fired.push(delay);
        expect(clock.monotonicMs()).toBeGreaterThanOrEqual(delay);
        expect(clock.monotonicMs()).toBeLessThan(delay + 1);
      });
    }
    const cancelled = clock.schedule(15, () => fired.push(15));
    cancelled.cancel();
    await simulation.run(5);
    expect(fired).toEqual([]);
    await simulation.run(100);
    expect(fired).toEqual([10, 20, 30]);
    expect(simulation.nowMs).toBe(100);
  });

  test('an hour of it is over at once', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { clock } = simulation.environment('a');
    await simulation.complete(sleep(clock, 3_600_000), 4_000_000);
    expect(simulation.nowMs).toBeGreaterThanOrEqual(3_600_000);
  });

  test('timers of one moment fire in an order that the seed decides', async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const simulation = new Simulation({ seed });
      const order: string[] = [];
      for (const name of ['a', 'b', 'c']) simulation.after(1, () => order.push(name));
      await simulation.run(2);
      orders.add(order.join(''));
    }
    expect(orders.size).toBe(6);
  });

  test('all promise callbacks of one event run before the next event', async () => {
    const simulation = new Simulation({ seed: 1 });
    const log: string[] = [];
    simulation.after(1, () => {
      void (async () => {
        for (let hop = 0; hop < 50; hop += 1) await Promise.resolve();
        log.push('first is through');
      })();
    });
    simulation.after(1.001, () => log.push('second'));
    await simulation.run(2);
    expect(log).toEqual(['first is through', 'second']);
  });

  test('work that calls nextTurn for ever does not stop time', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { clock } = simulation.environment('a');
    let turns = 0;
    const again = (): void => {
      turns += 1;
      clock.nextTurn(again);
    };
    again();
    await simulation.run(1);
    expect(turns).toBeGreaterThan(40);
  });

  test('wall clocks differ from node to node, and jump and drift without touching monotonic time', async () => {
    const simulation = new Simulation({ seed: 1 });
    const exact = simulation.environment('exact').clock;
    const wrong = simulation.environment('wrong').clock;
    simulation.setWallClock('wrong', { offsetMs: -60_000, rate: 1.01 });
    await simulation.run(10_000);
    expect(wrong.wallMs() - exact.wallMs()).toBe(-60_000 + 100);
    expect(wrong.monotonicMs()).toBe(exact.monotonicMs());
  });
});

describe('a run fails', () => {
  test('when an event throws', async () => {
    const simulation = new Simulation({ seed: 'abc' });
    const { clock } = simulation.environment('a');
    clock.schedule(5, () => {
      throw new Error('boom');
    });
    await expect(simulation.run(10)).rejects.toMatchObject({
      code: 'SIMULATION_FAILED',
      message: expect.stringMatching(/^Seed abc at 5\.\d+ ms: a timer event of a threw: boom$/) as string,
    });
  });

  test('when a promise is rejected and nobody handles it', async () => {
    const simulation = new Simulation({ seed: 3 });
    const { clock } = simulation.environment('a');
    void sleep(clock, 5).then(() => {
      throw new Error('lost');
    });
    await expect(simulation.run(10)).rejects.toThrow(/Seed 3 at 5\.\d+ ms: .*nobody handled it: lost/);
    await simulation.run(20);
  });

  test('when what it waits for does not come', async () => {
    const simulation = new Simulation({ seed: 1 });
    await expect(simulation.complete(new Promise(() => undefined), 1000)).rejects.toMatchObject({
      code: 'SIMULATION_STUCK',
    });
    await expect(simulation.runUntil(() => false, 1000)).rejects.toMatchObject({ code: 'SIMULATION_STUCK' });
    expect(simulation.nowMs).toBe(2000);
  });

  test('when it goes on for ever without getting anywhere', async () => {
    const simulation = new Simulation({ seed: 1, eventsMax: 1000 });
    const again = (): void => {
      simulation.after(0, again);
    };
    again();
    await expect(simulation.run(1)).rejects.toThrow(/no end after 1001 events/);
  });

  test('complete passes a rejection on', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { files } = simulation.environment('a');
    await expect(simulation.complete(files.syncDirectory('/missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the life of a node', () => {
  test('a crash ends timers, disk calls and everything waiting for them', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { clock, files } = simulation.environment('a');
    const log: string[] = [];
    clock.schedule(5, () => log.push('timer'));
    clock.nextTurn(() => log.push('turn'));
    const file = files.open('/a', 'create');
    void file.sync().then(() => log.push('sync'));
    simulation.crash('a', 'kept');
    await simulation.run(100);
    expect(log).toEqual([]);
    expect(() => simulation.environment('a')).toThrow(/restart it first/);
    expect(() => file.sizeBytes()).toThrow(/has ended/);
    expect(() => files.list('/')).toThrow(/has ended/);
  });

  test('a power cut takes unsynced data, a killed process does not, until the power goes too', async () => {
    const simulation = new Simulation({ seed: 1 });
    const write = async ({ files }: Environment): Promise<void> => {
      const file = files.open('/a', 'write');
      await files.syncDirectory('/');
      file.write(Uint8Array.of(1, 2, 3), 0, 3, 0);
    };
    const size = ({ files }: Environment): number | undefined => files.stat('/a')?.sizeBytes;
    await simulation.complete(write(simulation.environment('a')));
    simulation.kill('a');
    expect(size(simulation.restart('a'))).toBe(3);
    simulation.crash('a', 'lost');
    expect(size(simulation.restart('a'))).toBe(0);
  });

  test('a lock held by a life that ended is free for the next', () => {
    const simulation = new Simulation({ seed: 1 });
    for (const end of ['kill', 'crash'] as const) {
      const { files } = simulation.environment('a');
      files.lock('/.lock');
      expect(() => files.lock('/.lock')).toThrow(expect.objectContaining({ code: 'DATA_DIRECTORY_LOCKED' }) as Error);
      simulation[end]('a');
      simulation.restart('a').files.lock('/.lock').release();
    }
  });

  test('a paused node does nothing while its clock goes on, then all it missed, in order', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { clock } = simulation.environment('a');
    const log: number[] = [];
    for (const delay of [50, 10, 40, 30, 20]) clock.schedule(delay, () => log.push(delay));
    const cancelled = clock.schedule(25, () => log.push(25));
    await simulation.run(15);
    simulation.pause('a');
    await simulation.run(100);
    expect(log).toEqual([10]);
    expect(clock.monotonicMs()).toBe(100);
    cancelled.cancel();
    simulation.resume('a');
    await simulation.run(100);
    expect(log).toEqual([10, 20, 30, 40, 50]);
  });

  test('random streams differ between nodes, lives and names, and one name goes on where it was', () => {
    const draw = (environment: Environment, name: string): number =>
      environment.random.stream(name).integer(0, 2 ** 40);
    const simulation = new Simulation({ seed: 1 });
    const first = simulation.environment('a');
    const drawn = [draw(first, 'x'), draw(first, 'x'), draw(first, 'y'), draw(simulation.environment('b'), 'x')];
    simulation.crash('a');
    drawn.push(draw(simulation.restart('a'), 'x'));
    expect(new Set(drawn).size).toBe(5);
    const again = new Simulation({ seed: 1 }).environment('a');
    expect([draw(again, 'x'), draw(again, 'x')]).toEqual(drawn.slice(0, 2));
  });

  test('a slow disk takes the time it was given', async () => {
    const simulation = new Simulation({ seed: 1 });
    const { files, clock } = simulation.environment('a');
    const file = files.open('/a', 'create');
    simulation.setDiskLatency('a', { minMs: 200, maxMs: 300 });
    await simulation.complete(file.sync());
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(200);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(300);
  });
});
