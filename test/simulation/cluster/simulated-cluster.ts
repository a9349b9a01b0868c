/**
 * The nodes of a run: starts them as an operating system and an operator would, and keeps them going.
 *
 *     down --start--> starting --> up --stop--> stopping --> down
 *      ^                 |          |              |
 *      +---- crash, kill, failed start, stop ------+
 *
 * A process whose start fails ends, and is started again a little later, as by a service manager.
 */
import { assert, errorMessage, type Environment, type FileSystem, type Logger, type LogFields } from '@millrace/base';
import { createNode, loadNodeConfig, type MillraceNode, type NodeConfig } from '@millrace/server';
import type { Fate, Simulation } from '@millrace/testkit';
import { MetadataImage } from '@millrace/controller/image';
import type { PlanConfig } from '../plan/plan.js';
import { markedLines, type Marks } from '../report/marks.js';
import type { TimeLine } from '../report/time-line.js';

export const clientPort = 7400;
export const internalPort = 7401;
export const dataDirectory = 'data';

export interface ClusterOptions {
  readonly simulation: Simulation;
  readonly config: PlanConfig;
  readonly timeLine: TimeLine;
  readonly marks: Marks;
  /** Puts a planted bug between a node and its environment. */
  readonly wrap: (environment: Environment, node: string) => Environment;
}

/** What a node logged. */
export interface ClusterLine {
  readonly node: string;
  readonly message: string;
  readonly fields: LogFields;
}

type NodeState = 'down' | 'starting' | 'up' | 'stopping';

export interface ClusterNode {
  readonly index: number;
  readonly name: string;
  state: NodeState;
  isPaused: boolean;
  /** Whether the operator wants it to run: only then is a failed start tried again. */
  isWanted: boolean;
  /** Counts lives: what belongs to an earlier one is out of date. */
  life: number;
  running: MillraceNode | undefined;
  config: NodeConfig | undefined;
  lastFailure: string | undefined;
  /** Since when it has led the controller quorum, by what it says; undefined when it does not. */
  leadsQuorumSinceMs: number | undefined;
  /** When it last went on after a pause. */
  resumedMs: number;
  /** The highest term it spoke of. */
  term: number;
}

const restartMs = 300;
const raftRoleMessage = 'Raft leadership changed';

export class SimulatedCluster {
  readonly nodes: readonly ClusterNode[];
  readonly #options: ClusterOptions;
  #controllerIndex = 0;
  #image: MetadataImage = MetadataImage.empty;
  /** Told of every line that a node logs. */
  onLine: ((line: ClusterLine) => void) | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.nodes = Array.from({ length: options.config.nodes }, (_, index) => ({
      index,
      name: `node-${index + 1}`,
      state: 'down',
      isPaused: false,
      isWanted: false,
      life: 0,
      running: undefined,
      config: undefined,
      lastFailure: undefined,
      leadsQuorumSinceMs: undefined,
      resumedMs: 0,
      term: 0,
    }));
  }

  get names(): string[] {
    return this.nodes.map(({ name }) => name);
  }

  get bootstrap(): string {
    return this.names.map((name) => `${name}:${clientPort}`).join(',');
  }

  /** Nodes that do not serve at the moment, with the reason. */
  problems(): string[] {
    return this.nodes.flatMap(({ name, state, running, lastFailure }) => {
      if (state !== 'up') return [`${name} is ${state}${lastFailure === undefined ? '' : `: ${lastFailure}`}`];
      return (running?.problems ?? []).map((problem) => `${name}: ${problem}`);
    });
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index % this.nodes.length];
    assert(node !== undefined, `no node ${index}`);
    return node;
  }

  /** The node that leads a partition, as the newest metadata has it; the first one when nobody does. */
  leader(topic: string, partition: number): ClusterNode {
    const leader = this.image.topicByName(topic)?.partitions[partition]?.leader ?? -1;
    return this.node(Math.max(leader - 1, 0));
  }

  /** The newest metadata that any running node has, now or when this was last asked for. */
  get image(): MetadataImage {
    for (const { running } of this.nodes) {
      if (running !== undefined && running.metadata.position > this.#image.position) this.#image = running.metadata;
    }
    return this.#image;
  }

  /** The node that was the last to become leader of the controller quorum. */
  controller(): ClusterNode {
    return this.node(this.#controllerIndex);
  }

  start(node: ClusterNode): void {
    node.isWanted = true;
    if (node.state !== 'down') return;
    const { simulation, wrap, timeLine } = this.#options;
    node.state = 'starting';
    node.life += 1;
    const { life } = node;
    const environment = node.life === 1 ? simulation.environment(node.name) : simulation.restart(node.name);
    timeLine.add(node.name, `starts, life ${life}`);
    const isCurrent = (): boolean => isIn(node, 'starting', life);
    this.#open(node, this.#logging(node, wrap(environment, node.name))).then(
      (running) => {
        if (!isCurrent()) return;
        node.running = running;
        node.state = 'up';
        node.lastFailure = undefined;
        timeLine.add(node.name, 'is up');
        void running.failed.then(async (reason) => {
          await this.#turn();
          this.#failed(node, life, reason);
        });
      },
      async (error: unknown) => {
        await this.#turn();
        if (!isCurrent()) return;
        this.#options.marks.hit('start-failed');
        this.#endAndRestart(node, `cannot start: ${errorMessage(error)}`);
      },
    );
  }

  /** Stopped in order; `isWanted` false keeps it down. */
  async stop(node: ClusterNode): Promise<void> {
    const { simulation, timeLine } = this.#options;
    if (node.state !== 'up' || node.running === undefined) return;
    const { life } = node;
    node.state = 'stopping';
    timeLine.add(node.name, 'is told to stop');
    try {
      await node.running.close();
    } catch (error) {
      timeLine.add(node.name, `did not stop in order: ${errorMessage(error)}`);
    }
    await this.#turn();
    if (!isIn(node, 'stopping', life)) return;
    timeLine.add(node.name, 'has stopped');
    this.#ended(node, () => simulation.kill(node.name));
  }

  /** Power cut. */
  crash(node: ClusterNode, fate: Fate): void {
    const { simulation, timeLine, marks } = this.#options;
    if (node.state === 'down') return;
    timeLine.add(node.name, `loses power while ${node.state}; unsynced data is ${fate}`);
    marks.hit('power-cut');
    if (node.state === 'starting') marks.hit('power-cut-while-starting');
    const unsynced = simulation.disk(node.name).unsyncedPaths();
    if (unsynced.some((path) => path.endsWith('.log'))) marks.hit('power-cut-with-unsynced-records');
    this.#ended(node, () => simulation.crash(node.name, fate));
  }

  kill(node: ClusterNode): void {
    const { simulation, timeLine } = this.#options;
    if (node.state === 'down') return;
    timeLine.add(node.name, `is killed while ${node.state}`);
    this.#ended(node, () => simulation.kill(node.name));
  }

  /** The machine gets an empty disk; the node is down. */
  async wipe(node: ClusterNode): Promise<void> {
    const { simulation, timeLine } = this.#options;
    assert(node.state === 'down', `${node.name} still runs: end it first`);
    timeLine.add(node.name, 'gets an empty disk');
    const files = simulation.disk(node.name).files();
    if (files.stat(dataDirectory) === undefined) return;
    await removeAll(files, dataDirectory);
  }

  /** An operator removes one partition's directory; the node is down. */
  async removePartition(node: ClusterNode, label: string): Promise<void> {
    const { simulation, timeLine } = this.#options;
    assert(node.state === 'down', `${node.name} still runs: end it first`);
    timeLine.add(node.name, `loses the directory of ${label}`);
    const files = simulation.disk(node.name).files();
    await removeAll(files, `${dataDirectory}/${label}`);
    files.removeDirectory(`${dataDirectory}/${label}`);
    await files.syncDirectory(dataDirectory);
  }

  pause(node: ClusterNode): void {
    if (node.state === 'down' || node.isPaused) return;
    node.isPaused = true;
    this.#options.timeLine.add(node.name, 'is paused');
    this.#options.simulation.pause(node.name);
  }

  resume(node: ClusterNode): void {
    if (!node.isPaused) return;
    node.isPaused = false;
    this.#options.timeLine.add(node.name, 'goes on');
    node.resumedMs = this.#options.simulation.nowMs;
    this.#options.simulation.resume(node.name);
  }

  /** The node says that it cannot go on: its process ends. */
  #failed(node: ClusterNode, life: number, reason: unknown): void {
    if (!isIn(node, 'up', life)) return;
    this.#options.marks.hit('node-gave-up');
    this.#endAndRestart(node, `gives up: ${errorMessage(reason)}`);
  }

  #endAndRestart(node: ClusterNode, why: string): void {
    const { simulation, timeLine } = this.#options;
    node.lastFailure = why;
    timeLine.add(node.name, why);
    this.#ended(node, () => simulation.kill(node.name));
    simulation.after(restartMs, () => {
      if (node.isWanted) this.start(node);
    });
  }

  #noteRole(node: ClusterNode, { role, term }: LogFields): void {
    node.term = Math.max(node.term, Number(term));
    node.leadsQuorumSinceMs = role === 'leader' ? this.#options.simulation.nowMs : undefined;
    if (role === 'leader') this.#controllerIndex = node.index;
  }

  /** A process ends between two events, not in the middle of its own. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.simulation.after(0, resolve);
    });
  }

  #ended(node: ClusterNode, end: () => void): void {
    node.state = 'down';
    node.running = undefined;
    node.isPaused = false;
    node.leadsQuorumSinceMs = undefined;
    end();
  }

  async #open(node: ClusterNode, environment: Environment): Promise<MillraceNode> {
    node.config ??= await this.#load(node, environment);
    return createNode(node.config, environment);
  }

  #load(node: ClusterNode, environment: Environment): Promise<NodeConfig> {
    const voters = this.nodes.map(({ name, index }) => `${index + 1}@${name}:${internalPort}`);
    return loadNodeConfig({
      files: environment.files,
      overridesPlace: 'plan',
      overrides: {
        'node.id': String(node.index + 1),
        'data.dir': dataDirectory,
        'listener.client': `${node.name}:${clientPort}`,
        'listener.internal': `${node.name}:${internalPort}`,
        'listener.http': '',
        ...(this.nodes.length > 1 ? { 'controller.quorum.voters': voters.join(',') } : {}),
        ...this.#options.config.nodeSettings,
      },
    });
  }

  /** Copies what the node logs into the time-line, and counts marks. */
  #logging(node: ClusterNode, environment: Environment): Environment {
    const { timeLine, marks } = this.#options;
    const tee = (logger: Logger): Logger => {
      const at =
        (level: 'debug' | 'info' | 'warn' | 'error') =>
        (message: string, fields?: LogFields): void => {
          const mark = markedLines[message];
          if (mark !== undefined) marks.hit(mark);
          if (message === raftRoleMessage) this.#noteRole(node, fields ?? {});
          this.onLine?.({ node: node.name, message, fields: fields ?? {} });
          if (timeLine.isKept) {
            timeLine.add(node.name, `${level}: ${message} ${fieldsText(fields)}`, level === 'debug');
          }
          logger[level](message, fields);
        };
      return {
        debug: at('debug'),
        info: at('info'),
        warn: at('warn'),
        error: at('error'),
        child: (fields) => tee(logger.child(fields)),
      };
    };
    return { ...environment, logger: tee(environment.logger) };
  }
}

/** Whether nothing has ended this life or moved it on. */
function isIn(node: ClusterNode, state: NodeState, life: number): boolean {
  return node.life === life && node.state === state;
}

async function removeAll(files: FileSystem, directory: string): Promise<void> {
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`;
    if (files.stat(path)?.isDirectory === true) {
      await removeAll(files, path);
      files.removeDirectory(path);
    } else files.removeFile(path);
  }
  await files.syncDirectory(directory);
}

function fieldsText(fields: LogFields = {}): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
