/** Brings about the faults of a plan, and mends everything in the end. */
import type { Fault, Peers, Victim } from '../plan/fault.js';
import type { Plan } from '../plan/plan.js';
import type { Marks } from '../report/marks.js';
import type { TimeLine } from '../report/time-line.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { Simulation } from '@millrace/testkit';

export interface FaultDriverOptions {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly cluster: SimulatedCluster;
  /** Names of the machines that clients run on. */
  readonly clients: readonly string[];
  readonly timeLine: TimeLine;
  readonly marks: Marks;
  /** Told before any node loses its unsynced data. */
  readonly onPowerCut: () => void;
}

type ClusterNode = SimulatedCluster['nodes'][number];

export class FaultDriver {
  readonly #options: FaultDriverOptions;
  readonly #counts = new Map<string, number>();
  readonly #rotten = new Map<string, Set<string>>();
  #isOver = false;

  constructor(options: FaultDriverOptions) {
    this.#options = options;
  }

  /** How many faults of each kind came about. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Files of a node that were damaged. */
  rottenOf(node: string): ReadonlySet<string> {
    return this.#rotten.get(node) ?? new Set();
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) this.#later(fault.atMs, () => this.#apply(fault));
  }

  /** No fault goes on and none will come: links, disks, clocks and processes work again. */
  healAll(): void {
    this.#isOver = true;
    const { simulation, plan, cluster, timeLine, clients } = this.#options;
    timeLine.add('simulator', 'all faults are healed');
    const machines = [...cluster.names, ...clients];
    for (const from of machines) for (const to of machines) this.#usualLink(from, to);
    simulation.network.heal();
    for (const node of cluster.nodes) {
      simulation.network.refuseConnections(node.name, false);
      this.#mendDisk(node);
      simulation.setDiskLatency(node.name, plan.config.disk);
      simulation.setWallClock(node.name, { offsetMs: 0, rate: 1 });
      cluster.resume(node);
      cluster.start(node);
    }
  }

  #apply(fault: Fault): void {
    const { simulation, cluster, timeLine, marks, plan, onPowerCut } = this.#options;
    const node = this.#victim(fault.victim);
    const { name } = node;
    const { network } = simulation;
    const { kind } = fault;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    timeLine.add('simulator', `fault of ${name}: ${JSON.stringify({ ...fault, atMs: undefined, victim: undefined })}`);
    switch (fault.kind) {
      case 'crash': {
        const nodes = fault.isEverywhere ? cluster.nodes : [node];
        if (fault.isEverywhere) marks.hit('power-cut-of-all-nodes');
        onPowerCut();
        for (const each of nodes) {
          cluster.crash(each, fault.fate);
          this.#startLater(each, fault.downMs);
        }
        break;
      }
      case 'kill':
        cluster.kill(node);
        this.#startLater(node, fault.downMs);
        break;
      case 'failpoint': {
        const { call, suffix, after, ending, fate, downMs } = fault;
        const { life } = node;
        const onReached = (): void => {
          marks.hit('failpoint-reached');
          timeLine.add(name, `reaches its end at ${call} ${suffix}`);
          if (ending === 'power-cut') onPowerCut();
          // Not in the middle of its own event: what it still does is not on the disk.
          simulation.after(0, () => {
            if (node.life !== life) return;
            if (ending === 'kill') cluster.kill(node);
            else cluster.crash(node, fate);
            simulation.disk(name).clearFaults();
            this.#startLater(node, downMs);
          });
        };
        simulation.disk(name).failNext({ operation: call, path: pathWith(suffix), code: 'EIO', after, onReached });
        break;
      }
      case 'rot':
        cluster.kill(node);
        this.#rot(node, fault);
        cluster.start(node);
        break;
      case 'stop':
        void cluster.stop(node).then(() => this.#startLater(node, fault.downMs));
        break;
      case 'pause':
        cluster.pause(node);
        this.#later(fault.forMs, () => cluster.resume(node));
        break;
      case 'disk-full': {
        const disk = simulation.disk(name);
        disk.capacityBytes = disk.tree.usedBytes + fault.spareBytes;
        // A crash replaces the disk: the one of then is to be mended.
        this.#later(fault.forMs, () => (simulation.disk(name).capacityBytes = 2 ** 40));
        break;
      }
      case 'disk-error': {
        const { call, suffix, code, times, after } = fault;
        simulation.disk(name).failNext({ operation: call, path: pathWith(suffix), code, times, after });
        this.#later(fault.restartAfterMs, () => {
          simulation.disk(name).clearFaults();
          cluster.kill(node);
          cluster.start(node);
        });
        break;
      }
      case 'short-writes':
        simulation.disk(name).shortWrites = fault.share;
        this.#later(fault.forMs, () => (simulation.disk(name).shortWrites = 0));
        break;
      case 'slow-disk':
        simulation.setDiskLatency(name, { minMs: fault.minMs, maxMs: fault.maxMs });
        this.#later(fault.forMs, () => simulation.setDiskLatency(name, plan.config.disk));
        break;
      case 'cut':
        for (const peer of this.#peers(name, fault.peers)) {
          const [from, to] = fault.direction === 'from-victim' ? [name, peer] : [peer, name];
          network.cut(from, to);
          this.#later(fault.forMs, () => network.heal(from, to));
        }
        break;
      case 'isolate':
        for (const peer of this.#peers(name, fault.peers)) {
          network.partition([name], [peer]);
          this.#later(fault.forMs, () => this.#healBoth(name, peer));
        }
        break;
      case 'swizzle':
        this.#swizzle(name, fault.forMs, fault.salt);
        break;
      case 'reset':
        for (const peer of this.#peers(name, fault.peers)) network.reset(name, peer);
        break;
      case 'slow-link': {
        const { minMs, maxMs, bytesPerMs } = fault;
        for (const peer of this.#peers(name, fault.peers)) {
          const slow = { delayMinMs: minMs, delayMaxMs: maxMs, bytesPerMs };
          network.configureLink(name, peer, slow);
          network.configureLink(peer, name, slow);
          this.#later(fault.forMs, () => {
            this.#usualLink(name, peer);
            this.#usualLink(peer, name);
          });
        }
        break;
      }
      case 'refuse':
        network.refuseConnections(name, true);
        this.#later(fault.forMs, () => network.refuseConnections(name, false));
        break;
      case 'wall-jump':
        simulation.setWallClock(name, { offsetMs: fault.byMs });
        break;
      case 'wall-rate':
        simulation.setWallClock(name, { rate: fault.rate });
    }
  }

  #rot(node: ClusterNode, { suffix, fileShare, bitShare }: Extract<Fault, { kind: 'rot' }>): void {
    const { simulation, marks, timeLine } = this.#options;
    const disk = simulation.disk(node.name);
    const paths = disk.paths().filter((path) => path.endsWith(suffix));
    const path = paths[Math.floor(fileShare * paths.length)];
    if (path === undefined) return;
    const bits = 8 * (disk.files().stat(path)?.sizeBytes ?? 0);
    if (bits === 0) return;
    disk.flipBit(path, Math.floor(bitShare * bits));
    marks.hit('bit-flipped');
    this.#rotten.set(node.name, new Set([...this.rottenOf(node.name), path]));
    timeLine.add(node.name, `a bit of ${path} has flipped`);
  }

  /** Links to all others go silent one after another, and come back in another order. */
  #swizzle(name: string, forMs: number, salt: number): void {
    const { network } = this.#options.simulation;
    const peers = this.#peers(name, 'all');
    for (const [index, peer] of peers.entries()) {
      const cutAtMs = (forMs / 2) * fraction(salt, 2 * index);
      const healAtMs = forMs / 2 + (forMs / 2) * fraction(salt, 2 * index + 1);
      this.#later(cutAtMs, () => network.partition([name], [peer]));
      this.#later(healAtMs, () => this.#healBoth(name, peer));
    }
  }

  #victim(victim: Victim): ClusterNode {
    const { cluster } = this.#options;
    switch (victim.role) {
      case 'node':
        return cluster.node(victim.index);
      case 'leader':
        return cluster.leader(victim.topic, victim.partition);
      case 'controller':
        return cluster.controller();
    }
  }

  #peers(name: string, peers: Peers): string[] {
    const { cluster, clients } = this.#options;
    const nodes = cluster.names.filter((other) => other !== name);
    if (peers === 'clients' || nodes.length === 0) return [...clients];
    return peers === 'nodes' ? nodes : [...nodes, ...clients];
  }

  #healBoth(a: string, b: string): void {
    const { network } = this.#options.simulation;
    network.heal(a, b);
    network.heal(b, a);
  }

  #usualLink(from: string, to: string): void {
    if (from === to) return;
    const { minMs, maxMs } = this.#options.plan.config.link;
    this.#options.simulation.network.configureLink(from, to, { delayMinMs: minMs, delayMaxMs: maxMs });
  }

  #mendDisk(node: ClusterNode): void {
    const disk = this.#options.simulation.disk(node.name);
    disk.clearFaults();
    disk.capacityBytes = 2 ** 40;
  }

  #startLater(node: ClusterNode, delayMs: number): void {
    this.#later(delayMs, () => this.#options.cluster.start(node));
  }

  #later(delayMs: number, run: () => void): void {
    this.#options.simulation.after(delayMs, () => {
      if (!this.#isOver) run();
    });
  }
}

function pathWith(suffix: string): RegExp {
  return new RegExp(`${suffix.replaceAll('.', '\\.')}$`);
}

/** A number from 0 to 1 that only the salt and the index decide. */
function fraction(salt: number, index: number): number {
  return ((Math.imul(salt + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0) / 2 ** 32;
}
