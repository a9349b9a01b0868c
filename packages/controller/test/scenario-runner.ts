/**
 * Text scenarios: what an operator or a broker asks, and what the controller answers and writes.
 *
 *     command argument key=value flag
 *     ----
 *     expected output
 *
 * A block ends at an empty line. With MILLRACE_REWRITE=1 the output found is written into the file instead.
 */
import { errorByNumber } from '@millrace/protocol';
import { decodeMetadataRecord } from '@millrace/controller/image';
import { balancePlan } from '../src/decisions/balance-plan.js';
import { describeCluster } from '../src/queries/describe-cluster.js';
import { describeConfigs } from '../src/queries/describe-configs.js';
import { describeTopicPartitions } from '../src/queries/describe-topic-partitions.js';
import { listReassignments } from '../src/queries/list-reassignments.js';
import { MachineRunner } from './machine-runner.js';

/** The file with each block's output replaced by the one found. */
export function runScenario(text: string): string {
  const scenario = new Scenario();
  return text
    .trimEnd()
    .split('\n\n')
    .map((block) => {
      const [commands = ''] = block.split('\n----');
      if (!block.includes('\n----')) return block;
      const output = commands
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .map((line) => scenario.run(line));
      return `${commands}\n----\n${output.join('\n')}`;
    })
    .join('\n\n')
    .concat('\n');
}

interface Arguments {
  readonly words: readonly string[];
  readonly values: ReadonlyMap<string, string>;
}

interface Failure {
  readonly error: number;
  readonly message: string | null;
}

class Scenario {
  #runner = new MachineRunner();
  /** Records already shown by `log`. */
  #shown = 0;

  run(line: string): string {
    const [command = '', ...rest] = line.split(' ');
    const handler = this.#handlers[command];
    if (handler === undefined) throw new Error(`there is no scenario command ${command}`);
    const options = rest.filter((word) => word.includes('=') && !/^[a-z]+\.[a-z.]+=/.test(word));
    const values = new Map(
      options.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
    );
    const words = rest.filter((word) => !options.includes(word));
    try {
      return handler({ words, values });
    } catch (error) {
      if (error instanceof Error && 'code' in error) return `${String(error.code)}: ${error.message}`;
      throw error;
    }
  }

  #partition(where = '') {
    const { topic: name, partition } = targetOf(where);
    const topic = this.#runner.image.topicByName(name);
    const one = topic?.partitions[partition];
    if (topic === undefined || one === undefined) throw new Error(`there is no partition ${where}`);
    return { topic, one };
  }

  readonly #handlers: Readonly<Record<string, (args: Arguments) => string>> = {
    /** cluster setting=value ...: a new controller with these settings. */
    cluster: ({ words }) => {
      this.#runner = new MachineRunner({ settings: configsOf(words) });
      this.#shown = 0;
      return this.run('form');
    },
    form: ({ values }) => {
      const clusterId = values.get('id') ?? 'cluster-1';
      const reply = this.#runner.run({ kind: 'form-cluster', clusterId, isExpected: values.has('id') });
      return `cluster ${reply.clusterId}`;
    },
    register: ({ words, values }) => {
      const nodeId = Number(words[0]);
      const { brokerEpoch } = this.#runner.run({
        kind: 'register-broker',
        isHeard: words.includes('heard'),
        request: {
          nodeId,
          incarnationId: values.get('incarnation') ?? `i${this.#runner.log.length}`,
          directoryId: values.get('directory') ?? `d${nodeId}`,
          cleanStopEpoch: Number(values.get('stopped') ?? -1),
          roles: ['broker'],
          rack: values.get('rack') ?? null,
          hostLabel: values.get('host') ?? null,
          host: 'localhost',
          port: 7400 + nodeId,
        },
      });
      return `broker epoch ${brokerEpoch}`;
    },
    heartbeat: ({ words, values }) => {
      const nodeId = Number(words[0]);
      const current = this.#runner.heartbeat(nodeId);
      const reply = this.#runner.run({
        kind: 'broker-heartbeat',
        request: {
          nodeId,
          brokerEpoch: Number(values.get('epoch') ?? current.brokerEpoch),
          metadataOffset: Number(values.get('offset') ?? current.metadataOffset),
          wantFence: words.includes('fence'),
          wantShutdown: words.includes('shutdown'),
        },
      });
      const flags = Object.entries(reply).flatMap(([flag, isSet]) => (isSet === true ? [flag] : []));
      return flags.length === 0 ? 'ok' : flags.join(' ');
    },
    fence: ({ words }) => {
      const nodeId = Number(words[0]);
      const brokerEpoch = this.#runner.image.brokers.get(nodeId)?.brokerEpoch ?? -1;
      this.#runner.run({ kind: 'fence-broker', nodeId, brokerEpoch });
      return 'ok';
    },
    unregister: ({ words }) => {
      this.#runner.run({ kind: 'unregister-broker', nodeId: Number(words[0]) });
      return 'ok';
    },
    /** isr topic-0 1,2,3: the leader asks for this in-sync set, as it knows the partition and the brokers. */
    isr: ({ words, values }) => {
      const { topic, one } = this.#partition(words[0]);
      const brokerEpoch = (nodeId: number): number => this.#runner.image.brokers.get(nodeId)?.brokerEpoch ?? -1;
      const brokerId = Number(values.get('from') ?? one.leader);
      const request = {
        brokerId,
        brokerEpoch: Number(values.get('broker-epoch') ?? brokerEpoch(brokerId)),
        partitions: [
          {
            topicId: values.get('id') ?? topic.topicId,
            partition: one.partition,
            leaderEpoch: Number(values.get('leader-epoch') ?? one.leaderEpoch),
            partitionEpoch: Number(values.get('partition-epoch') ?? one.partitionEpoch),
            newIsr: idsOf(words[1]).map((id) => ({
              brokerId: id,
              brokerEpoch: Number(values.get(`epoch-of-${id}`) ?? brokerEpoch(id)),
            })),
          },
        ],
      };
      return this.#runner
        .run({ kind: 'alter-partition', request })
        .partitions.map(
          (result) => failure(result) ?? `isr ${result.isr.join()} partition epoch ${result.partitionEpoch}`,
        )
        .join('\n');
    },
    /** elect preferred|unclean [topic-0 ...] */
    elect: ({ words }) => {
      const [electionType, ...targets] = words;
      if (electionType !== 'preferred' && electionType !== 'unclean') throw new Error('elect what?');
      const partitions = targets.length === 0 ? null : targets.map(targetOf);
      return (
        this.#runner
          .run({ kind: 'elect-leaders', request: { electionType, partitions } })
          .partitions.map((one) => failure(one) ?? `${one.topic}-${one.partition} leader ${one.leader}`)
          .join('\n') || 'none'
      );
    },
    balance: ({ words }) => {
      const { moved, remaining } = this.#runner.run({ kind: 'balance-leaders', limit: Number(words[0]) });
      return `moved ${moved} remaining ${remaining}`;
    },
    /** reassign topic-0 1,2,3, or: reassign topic-0 cancel */
    reassign: ({ words }) => {
      const { topic, partition } = targetOf(words[0] ?? '');
      const replicas = words[1] === 'cancel' ? null : idsOf(words[1]);
      const request = { topics: [{ name: topic, partitions: [{ partition, replicas }] }] };
      return this.#runner
        .run({ kind: 'reassign-partitions', request })
        .partitions.map((one) => failure(one) ?? 'begun')
        .join('\n');
    },
    moving: () =>
      listReassignments(this.#runner.image, { topics: null })
        .partitions.map(
          (one) =>
            `${one.topic}-${one.partition} replicas ${one.replicas.join()} adding ${one.adding.join() || 'none'} removing ${one.removing.join() || 'none'}`,
        )
        .join('\n') || 'none',
    /** plan [without=3] */
    plan: ({ words, values }) => {
      const topics = words.length === 0 ? {} : { topics: words };
      return (
        balancePlan(this.#runner.image, { ...topics, without: idsOf(values.get('without')) })
          .map((one) => `${one.topic}-${one.partition} ${one.before.join()} to ${one.replicas.join()}`)
          .join('\n') || 'nothing to move'
      );
    },
    create: ({ words, values }) => {
      const names = words.filter((word) => !word.includes('=') && word !== 'validate-only');
      const configs = Object.entries(configsOf(words)).map(([key, value]) => ({ key, value }));
      const topics = names.map((name) => ({
        name: name === "''" ? '' : name,
        partitions: Number(values.get('partitions') ?? -1),
        replicationFactor: Number(values.get('rf') ?? -1),
        configs,
      }));
      const request = { topics, validateOnly: words.includes('validate-only') };
      const reply = this.#runner.run({
        kind: 'create-topics',
        request,
        topicIds: this.#runner.topicIds(topics.length),
      });
      return reply.topics.map((topic) => createdLine(topic)).join('\n');
    },
    'auto-create': ({ words }) => {
      const topicIds = this.#runner.topicIds(words.length);
      return this.#runner
        .run({ kind: 'auto-create-topics', names: words, topicIds })
        .topics.map((topic) => createdLine(topic))
        .join('\n');
    },
    delete: ({ words, values }) => {
      const topics: { name: string | null; topicId: string | null }[] = words.map((name) => ({ name, topicId: null }));
      const topicId = values.get('id');
      if (topicId !== undefined) topics.push({ name: null, topicId });
      return this.#runner
        .run({ kind: 'delete-topics', request: { topics } })
        .topics.map((topic) => failure(topic) ?? `deleted ${topic.name} ${topic.topicId}`)
        .join('\n');
    },
    grow: ({ words, values }) => {
      const topics = words
        .filter((word) => word !== 'validate-only')
        .map((name) => ({ name, partitions: Number(values.get('partitions')) }));
      return this.#runner
        .run({ kind: 'create-partitions', request: { topics, validateOnly: words.includes('validate-only') } })
        .topics.map((topic) => failure(topic) ?? `grown ${topic.name}`)
        .join('\n');
    },
    alter: ({ words }) => {
      const [name = ''] = words;
      const changes = Object.entries(configsOf(words)).map(([key, value]) => ({
        key,
        value: value === '' ? null : value,
      }));
      const request = {
        resources: [{ type: 'topic' as const, name, changes }],
        validateOnly: words.includes('validate-only'),
      };
      return this.#runner
        .run({ kind: 'alter-configs', request })
        .resources.map((resource) => failure(resource) ?? `altered ${resource.name}`)
        .join('\n');
    },
    'producer-ids': ({ words, values }) => {
      const nodeId = Number(words[0]);
      const brokerEpoch = Number(values.get('epoch') ?? this.#runner.image.brokers.get(nodeId)?.brokerEpoch ?? -1);
      const { first, count } = this.#runner.run({ kind: 'allocate-producer-ids', request: { nodeId, brokerEpoch } });
      return `${first} to ${first + count - 1}`;
    },
    topics: () =>
      this.#runner.image
        .topicsByName()
        .map(({ name, topicId }) => `${name} ${topicId}`)
        .join('\n') || 'none',
    partitions: ({ words }) =>
      describeTopicPartitions(this.#runner.image, { topics: words })
        .topics.map(
          (topic) => failure(topic) ?? topic.partitions.map((one) => partitionLine(topic.name, one)).join('\n'),
        )
        .join('\n'),
    configs: ({ words }) =>
      describeConfigs(this.#runner.image, { resources: words.map((name) => ({ type: 'topic', name })) }, {})
        .resources.map(
          (resource) =>
            failure(resource) ??
            (resource.configs
              .flatMap(({ key, value, source }) => (source === 'default' ? [] : [`${key}=${value}`]))
              .join('\n') ||
              'all default'),
        )
        .join('\n'),
    brokers: () =>
      describeCluster(this.#runner.image, { controllerId: 1, voterIds: [], isConnected: () => false })
        .nodes.map(({ nodeId, state, rack }) => `${nodeId} ${state}${rack === null ? '' : ` rack ${rack}`}`)
        .join('\n'),
    /** The records written since the last look. */
    log: () => {
      const lines = this.#runner.log.slice(this.#shown).map((bytes, index) => {
        const record = decodeMetadataRecord(bytes);
        return `${this.#shown + index} ${record.type}`;
      });
      this.#shown = this.#runner.log.length;
      return lines.join('\n') || 'nothing';
    },
  };
}

function idsOf(list = ''): number[] {
  return list === '' ? [] : list.split(',').map(Number);
}

function targetOf(where: string): { topic: string; partition: number } {
  const dash = where.lastIndexOf('-');
  return { topic: where.slice(0, dash), partition: Number(where.slice(dash + 1)) };
}

function configsOf(words: readonly string[]): Record<string, string> {
  const pairs = words.filter((word) => word.includes('='));
  return Object.fromEntries(pairs.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));
}

function failure({ error, message }: Failure): string | undefined {
  return error === 0 ? undefined : `${errorByNumber(error)?.name}: ${message}`;
}

function createdLine(
  topic: Failure & { name: string; topicId: string | null; partitions: number; replicationFactor: number },
): string {
  const { name, topicId, partitions, replicationFactor } = topic;
  return failure(topic) ?? `created ${name} ${topicId} partitions=${partitions} rf=${replicationFactor}`;
}

function partitionLine(
  topic: string,
  one: {
    partition: number;
    leader: number;
    leaderEpoch: number;
    replicas: readonly number[];
    isr: readonly number[];
    elr: readonly number[];
  },
): string {
  const elr = one.elr.length === 0 ? '' : ` elr ${one.elr.join()}`;
  return `${topic}-${one.partition} leader ${one.leader} epoch ${one.leaderEpoch} replicas ${one.replicas.join()} isr ${one.isr.join() || 'none'}${elr}`;
}
