import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyLanes, type Laned } from '../../src/run/key-lanes.js';

interface Task extends Laned {
  readonly id: number;
}

test('tasks of one lane run one after the other in their order, and no lane waits for another', () => {
  const owners = [{}, {}];
  const command = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), owner: fc.nat(1), lane: fc.constantFrom('a', 'b', null) }),
    fc.record({ kind: fc.constant('next' as const) }),
    fc.record({ kind: fc.constant('done' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('drop' as const), owner: fc.nat(1), from: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
      const lanes = new KeyLanes<Task>();
      let waiting: Task[] = [];
      const running: Task[] = [];
      const isFree = (task: Task): boolean =>
        running.every(({ owner, lane }) => owner !== task.owner || lane !== task.lane);
      let ids = 0;
      for (const step of commands) {
        if (step.kind === 'add') {
          const task = { id: ids++, owner: owners[step.owner] as object, lane: step.lane };
          waiting.push(task);
          lanes.add(task);
        } else if (step.kind === 'next') {
          const task = lanes.next();
          expect(task === undefined).toBe(!waiting.some(isFree));
          if (task === undefined) continue;
          const first = waiting.find(({ owner, lane }) => owner === task.owner && lane === task.lane);
          expect(isFree(task)).toBe(true);
          expect(task).toBe(first);
          waiting = waiting.filter((one) => one !== task);
          running.push(task);
        } else if (step.kind === 'done') {
          const [task] = running.splice(step.which % Math.max(1, running.length), 1);
          if (task !== undefined) lanes.done(task);
        } else {
          const owner = owners[step.owner] as object;
          const isDropped = (task: Task): boolean => task.owner === owner && task.id >= step.from;
          waiting = waiting.filter((task) => !isDropped(task));
          lanes.drop(owner, isDropped);
        }
        expect(lanes.size).toBe(waiting.length);
      }
    }),
    { numRuns: 500 },
  );
});
