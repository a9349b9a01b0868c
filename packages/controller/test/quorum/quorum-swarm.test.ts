/**
 * Random runs of a quorum: power cuts, cut links, restarts and snapshots while topics are created. What was acknowledged is
 * there in the end; and whenever two nodes have images of one position, on any way they came to them, the images are equal.
 */
import { seededRandom } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { contentsOf } from '../metadata-node.js';
import { type ClusterNode, creation, QuorumCluster, registration } from './quorum-cluster.js';

const seeds = 8;
const steps = 30;

class Swarm {
  readonly cluster: QuorumCluster;
  readonly acknowledged = new Set<string>();
  readonly asked = new Set<string>();
  readonly #draws;
  /** Contents of the image at each position. */
  readonly #contents = new Map<number, string>();
  readonly #watched = new WeakSet<ClusterNode>();
  readonly #clusterIds = new Set<string>();
  /** Positions of which two nodes had different images. */
  readonly #different: number[] = [];
  #isIsolated = false;

  constructor(seed: number) {
    this.cluster = new QuorumCluster({
      seed,
      snapshotEveryRecords: 8,
      voterIds: seed % 3 === 0 ? [1, 2, 3, 4, 5] : [1, 2, 3],
    });
    this.#draws = seededRandom(seed).stream('swarm');
  }

  async run(): Promise<void> {
    const { cluster } = this;
    await cluster.start(...cluster.voterIds);
    this.#watch();
    await cluster.active();
    for (let step = 0; step < steps; step += 1) {
      await this.#step(step);
      await cluster.simulation.runFor(this.#draws.integer(0, 1500));
      this.#watch();
    }
    cluster.heal();
    for (const id of cluster.voterIds) if (!cluster.nodes.has(id)) await cluster.start(id);
    this.#watch();
    await this.#create('last');
    await cluster.settle();
    for (const { controller, failures } of cluster.nodes.values()) {
      expect(failures).toEqual([]);
      const names = controller.image.topicsByName().map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...this.acknowledged]));
      for (const name of names) expect(this.asked).toContain(name);
    }
    expect(this.#different).toEqual([]);
    expect(this.#contents.size).toBeGreaterThan(10);
    expect(this.#clusterIds.size).toBe(1);
  }

  async #step(step: number): Promise<void> {
    const { cluster } = this;
    const ids = [...cluster.nodes.keys()];
    const spare = Math.floor((cluster.voterIds.length - 1) / 2) - (cluster.voterIds.length - ids.length);
    const nodeId = ids[this.#draws.integer(0, ids.length)] ?? 1;
    const draw = this.#draws.integer(0, 10);
    if (draw === 0 && spare > 0) cluster.crash(nodeId);
    else if (draw <= 2) {
      const gone = cluster.voterIds.find((id) => !cluster.nodes.has(id));
      if (gone !== undefined) await cluster.start(gone);
    } else if (draw === 3) {
      if (this.#isIsolated) cluster.heal();
      else cluster.isolate(nodeId);
      this.#isIsolated = !this.#isIsolated;
    } else await this.#create(`topic${step}`);
  }

  /** Of whoever takes itself for active: it may be one that nobody listens to any more. */
  async #create(name: string): Promise<void> {
    const { simulation, nodes } = this.cluster;
    if (name === 'last') await this.cluster.active();
    const active = [...nodes.values()].find(({ controller }) => controller.isActive);
    if (active === undefined) return;
    this.asked.add(name);
    const { controller, nodeId, directoryId } = active;
    const attempt = async (): Promise<void> => {
      const incarnationId = `${name} on ${nodeId}`;
      const { brokerEpoch } = await controller.registerBroker(registration(nodeId, { directoryId, incarnationId }));
      const { metadataOffset } = controller;
      await controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
      const { topics } = await controller.createTopics(creation(name));
      if (topics[0]?.error === 0) this.acknowledged.add(name);
    };
    await simulation.complete(
      attempt().catch((error: unknown) => {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(NOT_CONTROLLER|REQUEST_TIMED_OUT)$/) as string });
      }),
      30_000,
    );
  }

  #watch(): void {
    for (const node of this.cluster.nodes.values()) {
      if (this.#watched.has(node)) continue;
      this.#watched.add(node);
      node.controller.subscribe((image) => {
        if (image.clusterId === undefined) return;
        this.#clusterIds.add(image.clusterId);
        const contents = contentsOf(image);
        // A listener that throws is logged and passed over, so it only takes note.
        if ((this.#contents.get(image.position) ?? contents) !== contents) this.#different.push(image.position);
        this.#contents.set(image.position, contents);
      });
    }
  }
}

for (let seed = 1; seed <= seeds; seed += 1) {
  test(`random faults, seed ${seed}`, async () => {
    const swarm = new Swarm(seed);
    await swarm.run();
    expect(swarm.acknowledged).toContain('last');
    expect(swarm.acknowledged.size).toBeGreaterThan(3);
  });
}
