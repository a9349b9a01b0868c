import { MillraceError, parseSettings } from '@millrace/base';
import { Controller, type ControllerOptions, controllerSettings } from '@millrace/controller';
import { errorByNumber } from '@millrace/protocol';
import { ManualClock, recordingLogger, seededRandom, SimulatedDisk } from '@millrace/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryPartitionLog } from './memory-partition-log.js';

class Setup {
  readonly clock = new ManualClock();
  readonly logger = recordingLogger();
  readonly disk = new SimulatedDisk();
  readonly random = seededRandom(1);
  readonly log = new MemoryPartitionLog();
  readonly opened: Controller[] = [];

  async open(options: Partial<ControllerOptions> & { raw?: Record<string, string> } = {}): Promise<Controller> {
    const { raw, ...rest } = options;
    const environment = { clock: this.clock, logger: this.logger, random: this.random, files: this.disk.files() };
    const controller = await Controller.open(environment, {
      log: this.log.asLog(),
      nodeId: 1,
      settings: parseSettings(controllerSettings, raw ?? {}),
      nodeDefaults: {},
      ...rest,
    });
    this.opened.push(controller);
    return controller;
  }

  async openServing(options: Partial<ControllerOptions> & { raw?: Record<string, string> } = {}): Promise<Controller> {
    const controller = await this.open(options);
    await startBroker(controller, 1);
    return controller;
  }
}

async function startBroker(controller: Controller, nodeId: number, incarnationId = `i${nodeId}`): Promise<number> {
  const { brokerEpoch } = await controller.registerBroker({
    nodeId,
    incarnationId,
    directoryId: `d${nodeId}`,
    cleanStopEpoch: -1,
    roles: ['broker'],
    rack: null,
    hostLabel: null,
    host: 'localhost',
    port: 7400 + nodeId,
  });
  await beat(controller, nodeId, brokerEpoch);
  return brokerEpoch;
}

function beat(
  controller: Controller,
  nodeId: number,
  brokerEpoch: number,
  metadataOffset: number = controller.metadataOffset,
) {
  return controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
}

function creation(name: string, timeoutMs = 1000, validateOnly = false) {
  return { topics: [{ name, partitions: 1, replicationFactor: 1, configs: [] }], timeoutMs, validateOnly };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}

let setup = new Setup();
afterEach(async () => {
  for (const controller of setup.opened) await controller.close();
  expect(setup.clock.pendingTimers).toBe(0);
  setup = new Setup();
});

describe('opening', () => {
  test('forms a cluster once and finds it again', async () => {
    const first = await setup.open();
    expect(first.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(first.metadataOffset).toBe(0);
    await first.close();
    const second = await setup.open();
    expect([second.clusterId, second.metadataOffset]).toEqual([first.clusterId, 0]);
  });

  test('takes the cluster id it is given, and refuses the metadata of another cluster', async () => {
    const first = await setup.open({ clusterId: 'mine' });
    expect(first.clusterId).toBe('mine');
    await first.close();
    await expect(setup.open({ clusterId: 'other' })).rejects.toMatchObject({ code: 'INCONSISTENT_CLUSTER_ID' });
    expect(setup.clock.pendingTimers).toBe(0);
  });

  test('fails when the beginning of the log is missing and no snapshot holds it', async () => {
    const first = await setup.openServing();
    await first.close();
    setup.log.startOffset = 1;
    await expect(setup.open()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });

  test('starts from a snapshot when there is one, with the same image', async () => {
    const first = await setup.openServing({ snapshotEveryRecords: 5 });
    for (let i = 0; i < 10; i += 1) {
      await first.createTopics(creation(`topic${i}`));
      await settle();
    }
    expect(setup.log.startOffset).toBeGreaterThan(0);
    const names = first.image.topicsByName();
    await first.close();
    const second = await setup.open();
    expect(second.image.topicsByName()).toEqual(names);
    expect(second.metadataOffset).toBe(first.metadataOffset);
  });
});

describe('subscribers', () => {
  test('see what is there, then each change before its reply', async () => {
    const controller = await setup.openServing();
    const events: string[] = [];
    const unsubscribe = controller.subscribe((image, delta) => {
      events.push(`${delta.topicsCreated.map(({ name }) => name).join()} at ${image.position}`);
    });
    await controller.createTopics(creation('orders')).then(() => events.push('reply'));
    unsubscribe();
    await controller.createTopics(creation('unseen'));
    expect(events).toEqual([' at 3', 'orders at 5', 'reply']);
  });

  test('one that fails is reported and keeps the change from nobody', async () => {
    const controller = await setup.openServing();
    const seen: string[] = [];
    controller.subscribe((_image, delta) => {
      if (delta.topicsCreated.length > 0) throw new Error('listener broke');
    });
    controller.subscribe((_image, delta) => {
      seen.push(...delta.topicsCreated.map(({ name }) => name));
    });
    await controller.createTopics(creation('orders'));
    expect(seen).toEqual(['orders']);
    expect(setup.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });
});

describe('changes', () => {
  test('are not seen and not answered before they are synced', async () => {
    const controller = await setup.openServing();
    setup.log.isHoldingSyncs = true;
    let replies = 0;
    void controller.createTopics(creation('orders')).then(() => (replies += 1));
    void controller.createTopics(creation('orders')).then(({ topics }) => {
      expect(errorByNumber(topics[0]?.error ?? 0)?.name).toBe('TOPIC_ALREADY_EXISTS');
      replies += 1;
    });
    void controller.describeConfigs({ resources: [{ type: 'topic', name: 'orders' }] }).then(({ resources }) => {
      expect(resources[0]?.error).toBe(0);
      replies += 1;
    });
    await settle();
    expect([replies, controller.image.topicByName('orders')]).toEqual([0, undefined]);
    setup.log.releaseSyncs();
    await settle();
    expect([replies, controller.image.topicByName('orders')?.partitions.length]).toEqual([3, 1]);
  });

  test('that are only checked write nothing', async () => {
    const controller = await setup.openServing();
    const end = setup.log.endOffset;
    const { topics } = await controller.createTopics(creation('orders', 1000, true));
    expect(topics[0]).toMatchObject({ name: 'orders', topicId: null, error: 0, partitions: 1, replicationFactor: 1 });
    expect([setup.log.endOffset, controller.image.topicCount]).toEqual([end, 0]);
  });

  test('that cannot be appended fail with the reason and leave nothing behind', async () => {
    const controller = await setup.openServing();
    setup.log.failNextAppend = new MillraceError('LOG_DISK_FULL', 'no space', { retriable: true });
    await expect(controller.createTopics(creation('orders'))).rejects.toMatchObject({ code: 'LOG_DISK_FULL' });
    expect(controller.image.topicCount).toBe(0);
    const { topics } = await controller.createTopics(creation('orders'));
    expect(topics[0]?.error).toBe(0);
  });

  test('that take too long are given up on, and may still happen', async () => {
    const controller = await setup.openServing();
    setup.log.isHoldingSyncs = true;
    const reply = expect(controller.createTopics(creation('orders', 50))).rejects.toMatchObject({
      code: 'REQUEST_TIMED_OUT',
      retriable: true,
    });
    setup.clock.advance(51);
    await reply;
    setup.log.releaseSyncs();
    await settle();
    expect(controller.image.topicByName('orders')).toBeDefined();
  });

  test('beyond the bound of waiting ones are refused', async () => {
    const controller = await setup.openServing({ maxPendingCommands: 2 });
    setup.log.isHoldingSyncs = true;
    const waiting = [controller.createTopics(creation('a')), controller.createTopics(creation('b'))];
    await expect(controller.createTopics(creation('c'))).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
    setup.log.releaseSyncs();
    expect((await Promise.all(waiting)).flatMap(({ topics }) => topics.map(({ error }) => error))).toEqual([0, 0]);
  });

  test('after close are refused, and what waited is rejected', async () => {
    const controller = await setup.openServing();
    setup.log.isHoldingSyncs = true;
    const waiting = expect(controller.createTopics(creation('a'))).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
    });
    await controller.close();
    await waiting;
    setup.log.releaseSyncs();
    await expect(controller.createTopics(creation('b'))).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
    await expect(controller.describeCluster()).rejects.toMatchObject({ code: 'BROKER_NOT_AVAILABLE' });
  });

  test('after a failed sync are refused: what the disk holds is not known any more', async () => {
    const controller = await setup.openServing();
    const failure = new MillraceError('KAFKA_STORAGE_ERROR', 'sync failed');
    setup.log.failNextSync = failure;
    await expect(controller.createTopics(creation('a'))).rejects.toBe(failure);
  });
});

describe('ids', () => {
  test('of topics are random, never begin with a dash, and change with the topic', async () => {
    const controller = await setup.openServing();
    const ids = new Set<string | null | undefined>();
    for (let i = 0; i < 200; i += 1) {
      const { topics } = await controller.createTopics(creation('orders'));
      ids.add(topics[0]?.topicId);
      await controller.deleteTopics({ topics: [{ name: 'orders', topicId: null }], timeoutMs: 1000 });
    }
    expect(ids.size).toBe(200);
    expect([...ids].filter((id) => id?.startsWith('-') !== false)).toEqual([]);
  });

  test('of producers come in blocks that never overlap, also after a restart', async () => {
    const first = await setup.open();
    const brokerEpoch = await startBroker(first, 1);
    const a = await first.allocateProducerIds({ nodeId: 1, brokerEpoch });
    await first.close();
    const second = await setup.open();
    const b = await second.allocateProducerIds({ nodeId: 1, brokerEpoch });
    expect([a.first + a.count <= b.first, b.count > 0]).toEqual([true, true]);
    await expect(second.allocateProducerIds({ nodeId: 2, brokerEpoch })).rejects.toMatchObject({
      code: 'STALE_BROKER_EPOCH',
    });
  });
});

describe('brokers', () => {
  test('that fall silent are fenced; the one of this process never is', async () => {
    const controller = await setup.openServing({ raw: { 'broker.session.timeout.ms': '1000' } });
    const brokerEpoch = await startBroker(controller, 2);
    const states = () => [...controller.image.brokers.values()].map(({ nodeId, state }) => `${nodeId} ${state}`);
    setup.clock.advance(900);
    await beat(controller, 2, brokerEpoch);
    setup.clock.advance(900);
    await settle();
    expect(states()).toEqual(['1 active', '2 active']);
    setup.clock.advance(500);
    await settle();
    expect(states()).toEqual(['1 active', '2 fenced']);
    await beat(controller, 2, brokerEpoch);
    expect(states()).toEqual(['1 active', '2 active']);
  });

  test('that were fenced come back when they have acted on what was decided meanwhile, and not before', async () => {
    const controller = await setup.openServing({ raw: { 'broker.session.timeout.ms': '1000' } });
    const brokerEpoch = await startBroker(controller, 2);
    const before = controller.metadataOffset;
    setup.clock.advance(2000);
    await settle();
    expect(controller.image.brokers.get(2)?.state).toBe('fenced');
    const fenced = controller.metadataOffset;
    expect(fenced).toBeGreaterThan(before);
    // It slept, and would go on as the leader that it was when it fell asleep.
    for (const offset of [before, fenced - 1]) {
      expect(await beat(controller, 2, brokerEpoch, offset)).toMatchObject({ isCaughtUp: false, isFenced: true });
    }
    // What is decided after it was heard is for an active broker to follow.
    await controller.createTopics(creation('later'));
    expect(await beat(controller, 2, brokerEpoch, fenced)).toMatchObject({ isCaughtUp: true, isFenced: false });
    expect(controller.image.brokers.get(2)?.state).toBe('active');
  });

  test('get a full session timeout from a controller that has just started', async () => {
    const raw = { 'broker.session.timeout.ms': '1000' };
    const first = await setup.openServing({ raw });
    await startBroker(first, 2);
    await first.close();
    setup.clock.advance(60_000);
    const second = await setup.open({ raw });
    setup.clock.advance(900);
    await settle();
    expect(second.image.brokers.get(2)?.state).toBe('active');
    setup.clock.advance(500);
    await settle();
    expect(second.image.brokers.get(2)?.state).toBe('fenced');
  });

  test('cannot take the id of one that is alive, and can once it is silent', async () => {
    const controller = await setup.openServing({ raw: { 'broker.session.timeout.ms': '1000' } });
    await startBroker(controller, 2);
    await expect(startBroker(controller, 2, 'other')).rejects.toMatchObject({ code: 'DUPLICATE_BROKER_REGISTRATION' });
    setup.clock.advance(2000);
    await settle();
    await expect(startBroker(controller, 2, 'other')).resolves.toBeGreaterThan(0);
  });

  test('are described with their states', async () => {
    const controller = await setup.openServing();
    expect(await controller.describeCluster()).toEqual({
      clusterId: controller.clusterId,
      controllerId: 1,
      metadataOffset: controller.metadataOffset,
      nodes: [
        { nodeId: 1, roles: ['broker'], rack: null, hostLabel: null, host: 'localhost', port: 7401, state: 'active' },
      ],
    });
  });
});

test('replies are what the protocol allows', async () => {
  const { createTopicsApi, deleteTopicsApi, describeClusterApi, describeConfigsApi, describeTopicPartitionsApi } =
    await import('@millrace/protocol');
  const controller = await setup.openServing();
  const strict = (schema: { parse(value: unknown): unknown }, value: unknown): void => {
    expect(schema.parse(value)).toEqual(value);
  };
  strict(createTopicsApi.response, await controller.createTopics(creation('orders')));
  strict(createTopicsApi.response, await controller.createTopics(creation('bad/name')));
  strict(createTopicsApi.response, await controller.autoCreateTopics(['orders', 'more', '..']));
  strict(describeClusterApi.response, await controller.describeCluster());
  const resources = ['orders', 'missing'].map((name) => ({ type: 'topic' as const, name }));
  strict(describeConfigsApi.response, await controller.describeConfigs({ resources }));
  strict(describeTopicPartitionsApi.response, await controller.describeTopicPartitions({ topics: ['orders', 'x'] }));
  const topics = [
    { name: 'orders', topicId: null },
    { name: null, topicId: 'A'.repeat(22) },
    { name: null, topicId: null },
  ];
  strict(deleteTopicsApi.response, await controller.deleteTopics({ topics, timeoutMs: 1000 }));
});
