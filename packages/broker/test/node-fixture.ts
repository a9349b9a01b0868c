import { type Environment, parseSettings } from '@millrace/base';
import { Controller, controllerSettings, type ControllerSettingValues, metadataTopic } from '@millrace/controller';
import type { NodeDefaults } from '@millrace/controller/image';
import {
  createTopicsApi,
  errorByNumber,
  fetchApi,
  type FetchResponse,
  listOffsetsApi,
  produceApi,
  type ProduceResponse,
} from '@millrace/protocol';
import { encodeBatch, type EncodeBatchOptions, type PlainRecord, recordsOf } from '@millrace/record';
import { LogDirectory } from '@millrace/storage';
import { Simulation, type SimulationOptions } from '@millrace/testkit';
import { Broker } from '../src/broker.js';
import { type BrokerSettings, defaultBrokerSettings } from '../src/broker-settings.js';
import { RawClient } from './raw-client.js';

export interface NodeFixtureOptions extends Partial<SimulationOptions> {
  readonly settings?: Partial<BrokerSettings>;
  readonly nodeDefaults?: NodeDefaults;
  readonly lowSpaceBytes?: number;
}

export const clientPort = 7400;

/** A whole node, with its controller, in the simulator, and clients that speak the bare protocol. */
export class NodeFixture {
  readonly simulation: Simulation;
  readonly #options: NodeFixtureOptions;
  broker!: Broker;
  controller!: Controller;
  logDirectory!: LogDirectory;

  private constructor(options: NodeFixtureOptions) {
    this.#options = options;
    this.simulation = new Simulation({ seed: 1, ...options });
  }

  static async start(options: NodeFixtureOptions = {}): Promise<NodeFixture> {
    const fixture = new NodeFixture(options);
    await fixture.startNode(fixture.simulation.environment('node'));
    return fixture;
  }

  async startNode(environment: Environment): Promise<void> {
    await this.complete(this.#open(environment));
  }

  async #open(environment: Environment): Promise<void> {
    const { settings, nodeDefaults = {}, lowSpaceBytes = 0 } = this.#options;
    this.logDirectory = await LogDirectory.open(environment, { path: 'data', nodeId: 1, lowSpaceBytes });
    const log = await this.logDirectory.createLog({
      topic: metadataTopic.name,
      partition: metadataTopic.partition,
      topicId: metadataTopic.topicId,
      config: metadataTopic.config,
    });
    const controllerValues: ControllerSettingValues = parseSettings(controllerSettings, {});
    this.controller = await Controller.open(environment, {
      log,
      nodeId: 1,
      settings: controllerValues,
      nodeDefaults,
      clusterId: this.logDirectory.clusterId,
    });
    this.broker = await Broker.open({
      environment,
      settings: { ...defaultBrokerSettings, ...settings },
      nodeId: 1,
      clusterId: this.controller.clusterId,
      softwareVersion: '0.0.0',
      client: { host: 'node', port: clientPort },
      internal: { host: 'node', port: 7401 },
      logDirectory: this.logDirectory,
      controller: this.controller,
      nodeDefaults,
      producerIdExpirationMs: 86_400_000,
      identity: { roles: ['controller', 'broker'], rack: null, hostLabel: null, advertised: undefined },
    });
  }

  /** A graceful stop, in the order of the composition root. */
  async shutDown(): Promise<void> {
    const { brokerEpoch } = this.broker;
    await this.broker.close();
    await this.controller.close();
    await this.logDirectory.close({ brokerEpoch });
  }

  stop(): Promise<void> {
    return this.complete(this.shutDown());
  }

  complete<Value>(promise: Promise<Value>): Promise<Value> {
    return this.simulation.complete(promise, 60_000);
  }

  client(port = clientPort, name = 'client'): Promise<RawClient> {
    return this.complete(RawClient.open(this.simulation.environment(name), { host: 'node', port }));
  }

  /** Connected, nothing said. */
  stranger(port = clientPort, name = 'stranger'): Promise<RawClient> {
    return this.complete(RawClient.connect(this.simulation.environment(name), { host: 'node', port }));
  }

  /** Creates a topic and returns its id. */
  async topic(client: RawClient, name: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const topic = {
      name,
      partitions,
      replicationFactor: -1,
      configs: Object.entries(configs).map(([key, value]) => ({ key, value })),
    };
    const request = { topics: [topic], timeoutMs: 10_000, validateOnly: false };
    const { body } = await this.complete(client.call(createTopicsApi, request));
    const [created] = body.topics;
    if (created === undefined || created.topicId === null)
      throw new Error(`topic not created: ${created?.message ?? 'no answer'}`);
    return created.topicId;
  }
}

export function batchOf(values: readonly string[], options: EncodeBatchOptions = {}): Uint8Array {
  const records: PlainRecord[] = values.map((value) => ({ value, timestampMs: 1_767_225_600_000 }));
  return encodeBatch(records, options);
}

export interface Target {
  readonly topicId: string;
  readonly partition?: number;
  readonly leaderEpoch?: number;
}

export interface ProduceOptions {
  readonly acks?: -1 | 0 | 1;
  readonly timeoutMs?: number;
}

export function produceRequest(entries: readonly (Target & { batch: Uint8Array })[], options: ProduceOptions = {}) {
  const { acks = -1, timeoutMs = 30_000 } = options;
  return {
    body: {
      acks,
      timeoutMs,
      transactionalId: null,
      partitions: entries.map(({ topicId, partition = 0, leaderEpoch = -1, batch }) => ({
        topicId,
        partition,
        leaderEpoch,
        bytes: batch.length,
      })),
    },
    payload: entries.map(({ batch }) => batch),
  };
}

export async function produce(
  client: RawClient,
  entries: readonly (Target & { batch: Uint8Array })[],
  options: ProduceOptions = {},
): Promise<ProduceResponse['partitions']> {
  const { body, payload } = produceRequest(entries, options);
  return (await client.call(produceApi, body, payload)).body.partitions;
}

export interface FetchOptions {
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
}

export interface Fetched {
  readonly partitions: FetchResponse['partitions'];
  /** Values of all records from the wanted offset on, per entry. */
  readonly values: string[][];
  readonly payload: Buffer;
}

export async function fetchFrom(
  client: RawClient,
  entries: readonly (Target & { offset: number; maxBytes?: number })[],
  options: FetchOptions = {},
): Promise<Fetched> {
  const { maxWaitMs = 0, minBytes = 1, maxBytes = 1_000_000 } = options;
  const { body, payload } = await client.call(fetchApi, {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolation: 'read-uncommitted',
    partitions: entries.map(({ topicId, partition = 0, leaderEpoch = -1, offset, maxBytes: partitionMax }) => ({
      topicId,
      partition,
      leaderEpoch,
      fetchOffset: offset,
      maxBytes: partitionMax ?? maxBytes,
    })),
  });
  let position = 0;
  const values = body.partitions.map(({ bytes }, index) => {
    const part = payload.subarray(position, position + bytes);
    position += bytes;
    return valuesOf(part, entries[index]?.offset ?? 0);
  });
  return { partitions: body.partitions, values, payload };
}

function valuesOf(batches: Buffer, fromOffset: number): string[] {
  const records = [...recordsOf(batches, { maxDecompressedBytes: 1_000_000 })];
  return records
    .filter(({ offset }) => offset >= fromOffset)
    .map(({ value }) => Buffer.from(value ?? new Uint8Array()).toString());
}

export async function offsetAt(client: RawClient, target: Target, timestamp: number): Promise<number> {
  const { topicId, partition = 0, leaderEpoch = -1 } = target;
  const partitions = [{ topicId, partition, leaderEpoch, timestamp }];
  const { body } = await client.call(listOffsetsApi, { isolation: 'read-uncommitted', partitions });
  return body.partitions[0]?.offset ?? NaN;
}

export function errorName(number: number | undefined): string {
  return number === 0 ? 'NONE' : (errorByNumber(number ?? NaN)?.name ?? `error ${number}`);
}
