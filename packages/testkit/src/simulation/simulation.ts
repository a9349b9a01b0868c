/**
 * Many nodes in one process, on virtual time, network and disks: one seed decides the whole run.
 *
 *     const simulation = new Simulation({ seed: 7 });
 *     const broker = await simulation.complete(openBroker(simulation.environment('broker')));
 *     simulation.network.cut('broker', 'client');
 *     await simulation.runFor(5_000);
 *     simulation.crash('broker', 'random');
 *     await simulation.complete(openBroker(simulation.restart('broker')));
 *
 * Whatever the nodes do must enter through their environment: real timers, threads and sockets are unknown here.
 */
import {
  assert,
  MillraceError,
  noMetrics,
  silentLogger,
  type Environment,
  type Logger,
  type Metrics,
  type Random,
} from '@millrace/base';
import type { CrashPolicy, Fate } from '../disk/crash-policy.js';
import { SimulatedDisk } from '../disk/simulated-disk.js';
import type { DiskHost } from '../disk/simulated-file-system.js';
import type { LinkOptions } from '../network/links.js';
import { NodeView } from '../network/node-view.js';
import { SimulatedNetwork } from '../network/simulated-network.js';
import { recordingLogger, type RecordingLogger } from '../observing/recording-logger.js';
import { recordingMetrics, type RecordingMetrics } from '../observing/recording-metrics.js';
import { seededRandom } from '../random/seeded-random.js';
import { Incarnation } from './incarnation.js';
import { Scheduler } from './scheduler.js';
import { SimulatedClock, type WallClock } from './simulated-clock.js';
import { Trace } from './trace.js';

export interface SimulationOptions {
  readonly seed: number | string;
  /** Links between nodes until `network.configureLink`. */
  readonly link?: LinkOptions;
  readonly highWaterMarkBytes?: number;
  /** Whether disks record their operations, for crash-point sweeps. */
  readonly recordDisks?: boolean;
  /** Whether the trace keeps a line for each entry, to find where two runs part. */
  readonly keepTraceLines?: boolean;
  /** Whether what nodes log and measure is kept, to be looked at afterwards; true when absent. */
  readonly isObserved?: boolean;
  /** Limit for one `run`; an endless loop ends here. */
  readonly eventsMax?: number;
}

/** How long disk calls take. */
export interface DiskLatency {
  readonly minMs: number;
  readonly maxMs: number;
}

interface SimulatedNode {
  readonly name: string;
  disk: SimulatedDisk;
  diskLatency: DiskLatency;
  readonly wall: WallClock;
  readonly recordingLogger: RecordingLogger;
  recordingMetrics: RecordingMetrics;
  incarnation: Incarnation;
  environment: Environment;
}

const defaultLink: LinkOptions = { delayMinMs: 0.1, delayMaxMs: 1 };
const defaultDiskLatency: DiskLatency = { minMs: 0.05, maxMs: 2 };
const completeTimeoutMs = 600_000;

export class Simulation {
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly #options: SimulationOptions;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #nodes = new Map<string, SimulatedNode>();

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.#trace = new Trace(options.keepTraceLines ?? false);
    this.#scheduler = new Scheduler({
      seed: options.seed,
      random: this.random.stream('ties'),
      trace: this.#trace,
      eventsMax: options.eventsMax ?? 5_000_000,
    });
    this.network = new SimulatedNetwork({
      scheduler: this.#scheduler,
      trace: this.#trace,
      random: (name) => this.random.stream(`network ${name}`),
      link: options.link ?? defaultLink,
      highWaterMarkBytes: options.highWaterMarkBytes ?? 256 * 1024,
      isKnown: (name) => this.#nodes.has(name),
    });
  }

  /** Virtual time since the start. */
  get nowMs(): number {
    return this.#scheduler.nowUs / 1000;
  }

  get eventsRun(): number {
    return this.#scheduler.eventsRun;
  }

  /** Equal for two runs of one seed, or the run depends on something outside the simulation. */
  traceHash(): string {
    return this.#trace.hash;
  }

  get traceLines(): readonly string[] {
    return this.#trace.lines;
  }

  /** The environment of a node's present life; the node is made at the first call. */
  environment(name: string): Environment {
    const node = this.#nodes.get(name) ?? this.#makeNode(name);
    assert(node.incarnation.state !== 'ended', `${name} has crashed: restart it first`);
    return node.environment;
  }

  /** The disk as it is now; a crash replaces it. */
  disk(name: string): SimulatedDisk {
    return this.#node(name).disk;
  }

  logger(name: string): RecordingLogger {
    return this.#node(name).recordingLogger;
  }

  /** The metrics of the present life. */
  metrics(name: string): RecordingMetrics {
    return this.#node(name).recordingMetrics;
  }

  setDiskLatency(name: string, latency: DiskLatency): void {
    this.#node(name).diskLatency = latency;
  }

  /** Shifts a node's wall clock, at once, and sets how fast it runs from the start on. */
  setWallClock(name: string, wall: Partial<WallClock>): void {
    Object.assign(this.#node(name).wall, wall);
  }

  /** Power cut: unsynced data meets its fate, sockets fall silent. */
  crash(name: string, policy: CrashPolicy | Fate = 'random'): void {
    const node = this.#end(name, false);
    node.disk = node.disk.crash(policy, this.random.stream(`crash of ${name}`));
  }

  /** The process is killed: its cached writes stay, its sockets are closed by the machine. */
  kill(name: string): void {
    this.#end(name, true).disk.endProcess();
  }

  /** Starts a node that crashed or was killed: a fresh environment over its disk. */
  restart(name: string): Environment {
    const node = this.#node(name);
    assert(node.incarnation.state === 'ended', `${name} is running`);
    this.#trace.add('restart', name, this.#scheduler.nowUs);
    this.network.nodeStarted(name);
    this.#begin(node, node.incarnation.number + 1);
    return node.environment;
  }

  /** The node does nothing until `resume`, while its clocks go on: a stopped process, a long collection of garbage. */
  pause(name: string): void {
    const { incarnation } = this.#node(name);
    assert(incarnation.state === 'running', `${name} is not running`);
    incarnation.state = 'paused';
    this.#trace.add('pause', name, this.#scheduler.nowUs);
  }

  resume(name: string): void {
    const { incarnation } = this.#node(name);
    assert(incarnation.state === 'paused', `${name} is not paused`);
    incarnation.state = 'running';
    this.#trace.add('resume', name, this.#scheduler.nowUs);
    this.#scheduler.release(incarnation);
  }

  /** Calls back at a moment from now on, outside all nodes: for faults and checks. */
  after(delayMs: number, run: () => void): void {
    this.#scheduler.schedule({ owner: undefined, delayUs: delayMs * 1000, kind: 'script', run });
  }

  /** Runs until virtual time `untilMs`. */
  async run(untilMs: number): Promise<void> {
    await this.#scheduler.run(Math.round(untilMs * 1000), () => false);
  }

  runFor(durationMs: number): Promise<void> {
    return this.run(this.nowMs + durationMs);
  }

  /** Runs until the predicate, asked after each event, holds. Rejects when it does not within the time. */
  async runUntil(predicate: () => boolean, timeoutMs = completeTimeoutMs): Promise<void> {
    const untilUs = Math.round((this.nowMs + timeoutMs) * 1000);
    const isReached = await this.#scheduler.run(untilUs, predicate);
    if (!isReached) throw this.#stuck('the condition did not come to hold', timeoutMs);
  }

  /** Runs until the promise is settled, and settles the same way. */
  async complete<Value>(promise: Promise<Value>, timeoutMs = completeTimeoutMs): Promise<Value> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    const isDone = await this.#scheduler.run(Math.round((this.nowMs + timeoutMs) * 1000), () => isSettled);
    if (!isDone) throw this.#stuck('the promise was not settled', timeoutMs);
    return promise;
  }

  #stuck(what: string, timeoutMs: number): MillraceError {
    return new MillraceError(
      'SIMULATION_STUCK',
      `Seed ${this.#options.seed} at ${this.nowMs} ms: ${what} within ${timeoutMs} ms of virtual time.`,
    );
  }

  #node(name: string): SimulatedNode {
    const node = this.#nodes.get(name);
    assert(node !== undefined, `no node is called ${name}: make it with environment('${name}')`);
    return node;
  }

  #makeNode(name: string): SimulatedNode {
    const incarnation = new Incarnation(name, 1);
    const node: Omit<SimulatedNode, 'environment'> = {
      name,
      disk: new SimulatedDisk(this.random.stream(`disk of ${name}`), { record: this.#options.recordDisks ?? false }),
      diskLatency: defaultDiskLatency,
      wall: { offsetMs: 0, rate: 1 },
      recordingLogger: recordingLogger(),
      recordingMetrics: recordingMetrics(),
      incarnation,
    };
    const complete = Object.assign(node, { environment: this.#environmentOf(node) });
    this.#nodes.set(name, complete);
    return complete;
  }

  #begin(node: SimulatedNode, number: number): void {
    node.incarnation = new Incarnation(node.name, number);
    node.recordingMetrics = recordingMetrics();
    node.environment = this.#environmentOf(node);
  }

  #end(name: string, hasPower: boolean): SimulatedNode {
    const node = this.#node(name);
    assert(node.incarnation.state !== 'ended', `${name} has ended already`);
    this.#trace.add(hasPower ? 'kill' : 'crash', name, this.#scheduler.nowUs);
    this.network.nodeEnded(node.incarnation, hasPower);
    node.incarnation.state = 'ended';
    node.incarnation.held = [];
    return node;
  }

  #environmentOf(node: Omit<SimulatedNode, 'environment'>): Environment {
    const { incarnation, name } = node;
    const life = `${name} life ${incarnation.number}`;
    return {
      clock: new SimulatedClock(this.#scheduler, incarnation, {
        wall: node.wall,
        random: this.random.stream(`clock of ${life}`),
      }),
      random: { stream: (stream) => this.random.stream(`${life}: ${stream}`) },
      files: node.disk.files(this.#diskHost(node)),
      network: new NodeView(this.network, incarnation),
      ...this.#observers(node),
    };
  }

  #observers(node: Omit<SimulatedNode, 'environment'>): { logger: Logger; metrics: Metrics } {
    if (this.#options.isObserved === false) return { logger: silentLogger, metrics: noMetrics };
    return { logger: node.recordingLogger, metrics: node.recordingMetrics };
  }

  #diskHost(node: Omit<SimulatedNode, 'environment'>): DiskHost {
    const { incarnation, name } = node;
    const latency = this.random.stream(`disk latency of ${name}`);
    return {
      later: (call, end) => {
        const { minMs, maxMs } = node.diskLatency;
        const minUs = Math.round(minMs * 1000);
        const delayUs = latency.integer(minUs, Math.max(Math.round(maxMs * 1000), minUs) + 1);
        this.#scheduler.schedule({ owner: incarnation, delayUs, kind: call, run: end });
      },
      assertAlive: () => {
        incarnation.assertAlive();
      },
      changed: (call, path, bytes) => {
        this.#trace.add(`disk ${call} ${path}`, name, this.#scheduler.nowUs, bytes);
      },
    };
  }
}
