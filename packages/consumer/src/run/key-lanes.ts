/**
 * Tasks in lanes: one after the other within a lane, lanes side by side, whichever has waited longest first. Pure.
 *
 *     lane a   [task 1 running] task 4  task 5        not ready: a task of it runs
 *     lane b   task 2  task 3                         ready
 */
export interface Laned {
  /** Lanes of different owners are different lanes. */
  readonly owner: object;
  readonly lane: string | null;
}

interface Lane<Task> {
  readonly tasks: Task[];
  isRunning: boolean;
}

export class KeyLanes<Task extends Laned> {
  readonly #owners = new Map<object, Map<string | null, Lane<Task>>>();
  /** Lanes with a task, and none running. Those that were emptied meanwhile are passed over. */
  #ready: Lane<Task>[] = [];
  #size = 0;

  /** Tasks that wait. */
  get size(): number {
    return this.#size;
  }

  /** Lanes of which a task could be taken. */
  get readyCount(): number {
    return this.#ready.length;
  }

  add(task: Task): void {
    let lanes = this.#owners.get(task.owner);
    if (lanes === undefined) {
      lanes = new Map();
      this.#owners.set(task.owner, lanes);
    }
    let lane = lanes.get(task.lane);
    if (lane === undefined) {
      lane = { tasks: [], isRunning: false };
      lanes.set(task.lane, lane);
    }
    this.#size += 1;
    if (lane.tasks.push(task) === 1 && !lane.isRunning) this.#ready.push(lane);
  }

  /** The next task that may run; its lane gives no other until `done`. */
  next(): Task | undefined {
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      const task = lane.tasks.shift();
      if (task === undefined) continue;
      this.#size -= 1;
      lane.isRunning = true;
      return task;
    }
    return undefined;
  }

  done({ owner, lane: name }: Task): void {
    const lanes = this.#owners.get(owner);
    const lane = lanes?.get(name);
    if (lanes === undefined || lane === undefined) return;
    lane.isRunning = false;
    if (lane.tasks.length > 0) this.#ready.push(lane);
    else {
      lanes.delete(name);
      if (lanes.size === 0) this.#owners.delete(owner);
    }
  }

  /** Forgets tasks of an owner that wait. */
  drop(owner: object, isDropped: (task: Task) => boolean): void {
    const lanes = this.#owners.get(owner);
    if (lanes === undefined) return;
    for (const [name, lane] of lanes) {
      const kept = lane.tasks.filter((task) => !isDropped(task));
      this.#size -= lane.tasks.length - kept.length;
      lane.tasks.splice(0, lane.tasks.length, ...kept);
      if (kept.length > 0 || lane.isRunning) continue;
      lanes.delete(name);
    }
    if (lanes.size === 0) this.#owners.delete(owner);
    this.#ready = this.#ready.filter(({ tasks }) => tasks.length > 0);
  }
}
