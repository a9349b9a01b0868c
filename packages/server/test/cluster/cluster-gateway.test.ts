import { MillraceError } from '@millrace/base';
import type { Controller } from '@millrace/controller';
import { type Api, createTopicsApi, describeClusterApi } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { ClusterGateway } from '../../src/cluster/cluster-gateway.js';
import type { NodeCalls } from '../../src/cluster/node-calls.js';

/** The quorum as this node, number 1, sees it. */
interface View {
  controllerId: number;
  position: number;
}

type Answer = () => unknown;

let simulation: Simulation;
let view: View;
let asked: string[];
let answers: Map<string, Answer>;
let gateway: ClusterGateway;

beforeEach(() => {
  simulation = new Simulation({ seed: 5 });
  view = { controllerId: 2, position: 10 };
  asked = [];
  answers = new Map();
  const nodes: Pick<NodeCalls, 'call'> = {
    call: <Request, Response>(nodeId: number, api: Api<Request, Response>): Promise<Response> => {
      asked.push(`${api.name} of ${nodeId}`);
      const answer = answers.get(api.name);
      return Promise.resolve().then(() => answer?.() as Response);
    },
  };
  const controller = {
    isActive: false,
    get controllerId() {
      return view.controllerId;
    },
    get image() {
      return { position: view.position };
    },
  };
  gateway = new ClusterGateway({
    nodeId: 1,
    controller: controller as unknown as Controller,
    nodes,
    clock: simulation.environment('node1').clock,
    requestTimeoutMs: 5000,
    heartbeatTimeoutMs: 1000,
  });
});

function creation(timeoutMs = 1000) {
  return { topics: [], timeoutMs, validateOnly: false };
}

function fail(code: string): Answer {
  return () => {
    throw new MillraceError(code, 'no', { retriable: true });
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return simulation.complete(
    promise.then(
      () => 'done',
      (error: unknown) => (error as MillraceError).code,
    ),
  );
}

test('without a leader a request fails in its time, and was sent to nobody', async () => {
  view.controllerId = -1;
  const startedMs = simulation.environment('node1').clock.monotonicMs();
  expect(await codeOf(gateway.createTopics(creation()))).toBe('NOT_CONTROLLER');
  expect(simulation.environment('node1').clock.monotonicMs() - startedMs).toBeLessThanOrEqual(1000);
  expect(asked).toEqual([]);
});

test('a request waits for a leader that comes in its time', async () => {
  view.controllerId = -1;
  simulation.after(300, () => (view.controllerId = 3));
  answers.set(describeClusterApi.name, () => ({ metadataOffset: 9 }));
  expect(await codeOf(gateway.describeCluster())).toBe('done');
  expect(asked).toEqual(['DescribeCluster of 3']);
});

test('a change whose answer was lost is not asked for again', async () => {
  answers.set(createTopicsApi.name, fail('NETWORK_EXCEPTION'));
  expect(await codeOf(gateway.createTopics(creation()))).toBe('NETWORK_EXCEPTION');
  expect(asked).toEqual(['CreateTopics of 2']);
});

test('a question is asked again, of whoever leads then', async () => {
  answers.set(describeClusterApi.name, () => {
    if (view.controllerId === 3) return { metadataOffset: 9 };
    view.controllerId = 3;
    throw new MillraceError('NOT_CONTROLLER', 'no', { retriable: true });
  });
  expect(await codeOf(gateway.describeCluster())).toBe('done');
  expect(asked).toEqual(['DescribeCluster of 2', 'DescribeCluster of 3']);
});

test('the answer to a change is released when this node has the change', async () => {
  answers.set(createTopicsApi.name, () => ({ topics: [] }));
  answers.set(describeClusterApi.name, () => ({ metadataOffset: 15 }));
  simulation.after(200, () => (view.position = 16));
  const { clock } = simulation.environment('node1');
  const startedMs = clock.monotonicMs();
  expect(await codeOf(gateway.createTopics(creation()))).toBe('done');
  expect(clock.monotonicMs() - startedMs).toBeGreaterThanOrEqual(200);
});

test('a topic that somebody else created meanwhile is as good as created', async () => {
  const topic = {
    name: 'orders',
    topicId: null,
    message: 'exists',
    partitions: -1,
    replicationFactor: -1,
    configs: [],
  };
  answers.set(createTopicsApi.name, () => ({ topics: [{ ...topic, error: 36 }] }));
  answers.set(describeClusterApi.name, () => ({ metadataOffset: 9 }));
  const { topics } = await simulation.complete(gateway.autoCreateTopics(['orders']));
  expect(topics).toMatchObject([{ name: 'orders', error: 0, message: null }]);
});
