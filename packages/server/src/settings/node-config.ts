/**
 * A node's whole configuration: read from file, environment and command line (later wins), checked as a whole, frozen.
 *
 * All faults are collected before one error is thrown, each with its place, so that a configuration is mended in one
 * go.
 */
import {
  type Address,
  type FileSystem,
  MillraceError,
  parseAddress,
  parseSettings,
  type SettingValues,
} from '@millrace/base';
import { defaultBrokerSettings, type BrokerSettings } from '@millrace/broker';
import type { ControllerSettingValues, VoterAddress } from '@millrace/controller';
import { isTopicSetting, type NodeDefaults, type NodeRole } from '@millrace/controller/image';
import type { LogMemoryLimits } from '@millrace/storage';
import { groupSettingsOf } from './group-settings.js';
import { transactionSettingsOf } from './transaction-settings.js';
import { nodeSettingTable } from './node-settings.js';
import { settingsFromEnvironment } from './settings-from-environment.js';
import { settingsFromFile } from './settings-file.js';
import { faultOf, settingFromAssignment, type SourcedSetting } from './settings-source.js';
import { isAlone, parseVoters, votersProblem, type VotersContext } from './voters.js';

type NodeSettingValues = SettingValues<typeof nodeSettingTable>;

export interface NodeConfig {
  readonly nodeId: number;
  readonly roles: readonly NodeRole[];
  /** Undefined: the data directory's own, or a new one. */
  readonly clusterId: string | undefined;
  readonly dataDir: string;
  readonly client: Address;
  readonly internal: Address | undefined;
  readonly http: Address | undefined;
  readonly advertised: Address | undefined;
  readonly advertisedInternal: Address | undefined;
  /** Of the controller quorum; empty: this node alone. */
  readonly voters: readonly VoterAddress[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  readonly logLevel: NodeSettingValues['log.level'];
  readonly logFormat: NodeSettingValues['log.format'];
  readonly broker: BrokerSettings;
  readonly controller: ControllerSettingValues;
  /** Topic settings that this configuration gives other defaults, as text. */
  readonly nodeDefaults: NodeDefaults;
  readonly lowSpaceBytes: number;
  readonly maxOpenFiles: number;
  readonly logMemory: LogMemoryLimits;
  readonly producerIdExpirationMs: number;
}

export interface NodeConfigSources {
  readonly files: FileSystem;
  /** The file; with `mustExist` it is an error when it is not there. */
  readonly file?: { readonly path: string; readonly mustExist: boolean };
  /** Environment variables: `MILLRACE_NODE_ID` is `node.id`. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /** `key=value`, as given with `--set`. */
  readonly assignments?: readonly string[];
  /** What the caller says by other means (flags, options); `place` names them in errors. */
  readonly overrides?: Readonly<Record<string, string>>;
  readonly overridesPlace?: string;
}

/** Throws `INVALID_CONFIG`. */
export async function loadNodeConfig(sources: NodeConfigSources): Promise<NodeConfig> {
  const settings = await collect(sources);
  const faults = settings.map(faultOf).filter((fault) => fault !== undefined);
  if (faults.length > 0) throw new MillraceError('INVALID_CONFIG', faults.join('\n'));
  const texts: Record<string, string> = {};
  const places = new Map<string, string>();
  for (const { key, text, place } of settings) {
    texts[key] = text;
    places.set(key, place);
  }
  return nodeConfigOf(parseSettings(nodeSettingTable, texts), texts, places);
}

/** In order: a later one wins. */
async function collect(sources: NodeConfigSources): Promise<SourcedSetting[]> {
  const { files, file, variables, assignments, overrides, overridesPlace } = sources;
  const settings: SourcedSetting[] = [];
  if (file !== undefined) {
    const found = await settingsFromFile(files, file.path);
    if (found === undefined && file.mustExist) {
      throw new MillraceError('INVALID_CONFIG', `There is no configuration file ${file.path}.`);
    }
    settings.push(...(found ?? []));
  }
  settings.push(...settingsFromEnvironment(variables ?? {}));
  settings.push(...(assignments ?? []).map(settingFromAssignment));
  for (const [key, text] of Object.entries(overrides ?? {})) {
    settings.push({ key, text, place: overridesPlace ?? 'options' });
  }
  return settings;
}

function nodeConfigOf(
  values: NodeSettingValues,
  texts: Readonly<Record<string, string>>,
  places: ReadonlyMap<string, string>,
): NodeConfig {
  const faults: string[] = [];
  const refuse = (key: keyof NodeSettingValues, reason: string): void => {
    faults.push(
      `${places.get(key) ?? 'default'}: Invalid value ${JSON.stringify(texts[key] ?? '')} for ${key}: ${reason}`,
    );
  };
  const address = (key: AddressKey, isRequired: boolean): Address | undefined => {
    if (values[key] === '' && !isRequired) return undefined;
    const parsed = parseAddress(values[key]);
    if (parsed === undefined) refuse(key, 'it must be host:port, with a port from 0 to 65535.');
    return parsed;
  };
  const roles = values['process.roles'];
  if (roles.length === 0) refuse('process.roles', 'a node needs a role.');
  checkSizes(values, refuse);
  const client = address('listener.client', true);
  const internal = address('listener.internal', false);
  const advertisedInternal = address('advertised.internal', false);
  const voters = votersOf(values, { internal, advertisedInternal }, refuse);
  const autoCreateTopics = autoCreateTopicsOf(values, texts, voters);
  const config = {
    nodeId: values['node.id'],
    roles,
    clusterId: values['cluster.id'] === '' ? undefined : values['cluster.id'],
    dataDir: values['data.dir'],
    client: client ?? { host: '', port: 0 },
    internal,
    http: address('listener.http', false),
    advertised: address('advertised.client', false),
    advertisedInternal: advertisedInternal ?? voters.find(({ id }) => id === values['node.id']),
    voters,
    rack: values['broker.rack'] === '' ? null : values['broker.rack'],
    hostLabel: values['host.label'] === '' ? null : values['host.label'],
    logLevel: values['log.level'],
    logFormat: values['log.format'],
    broker: {
      ...brokerSettingsOf(values),
      autoCreateTopics,
      groups: groupSettingsOf(values, voters.length),
      transactions: transactionSettingsOf(values, voters.length),
    },
    controller: { ...values, 'auto.create.topics.enable': autoCreateTopics },
    nodeDefaults: Object.fromEntries(Object.entries(texts).filter(([key]) => isTopicSetting(key))),
    lowSpaceBytes: values['log.low.space.bytes'],
    maxOpenFiles: values['log.max.open.files'],
    logMemory: { cacheBytes: values['log.cache.bytes'], keptReadBytes: keptBytes(values, 'reads') },
    producerIdExpirationMs: values['producer.id.expiration.ms'],
  };
  if (config.dataDir === '') refuse('data.dir', 'it must name a directory.');
  if (faults.length > 0) throw new MillraceError('INVALID_CONFIG', faults.join('\n'));
  return Object.freeze(config);
}

type AddressKey =
  'listener.client' | 'listener.internal' | 'listener.http' | 'advertised.client' | 'advertised.internal';
type Refuse = (key: keyof NodeSettingValues, reason: string) => void;

/** Empty: this node alone, named or not. */
function votersOf(
  values: NodeSettingValues,
  listener: Pick<VotersContext, 'internal' | 'advertisedInternal'>,
  refuse: Refuse,
): readonly VoterAddress[] {
  const words = values['controller.quorum.voters'];
  const roles = values['process.roles'];
  if (words.length === 0) {
    if (roles.length < 2) refuse('process.roles', 'a node with one role needs others: set controller.quorum.voters.');
    return [];
  }
  const nodeId = values['node.id'];
  const voters = parseVoters(words);
  const problem =
    voters === undefined ? 'each voter must be id@host:port.' : votersProblem(voters, { nodeId, roles, ...listener });
  if (problem !== undefined) refuse('controller.quorum.voters', problem);
  return voters === undefined || (isAlone(voters, roles) && voters[0]?.id === nodeId) ? [] : voters;
}

/** In a cluster a topic that a typing error asks for would be there on all nodes: there it takes a decision. */
function autoCreateTopicsOf(
  values: NodeSettingValues,
  texts: Readonly<Record<string, string>>,
  voters: readonly VoterAddress[],
): boolean {
  if (texts['auto.create.topics.enable'] === undefined && voters.length > 0) return false;
  return values['auto.create.topics.enable'];
}

/** Room for the header and body of a frame beside the largest batch. */
const frameOverheadBytes = 64 * 1024;

function checkSizes(values: NodeSettingValues, refuse: Refuse): void {
  const roomBytes = values['socket.request.max.bytes'] - frameOverheadBytes;
  if (values['max.message.bytes'] > roomBytes) {
    refuse(
      'max.message.bytes',
      `it must be at most ${roomBytes}, socket.request.max.bytes less ${frameOverheadBytes}.`,
    );
  }
}

/** For what memory is kept that nobody needs at the moment, as shares of `buffer.pool.bytes`. */
const poolShares = { requests: 1 / 2, reads: 1 / 4, replicaReplies: 3 / 16, internalRequests: 1 / 16 } as const;

function keptBytes(values: NodeSettingValues, use: keyof typeof poolShares): number {
  return values['buffer.pool.bytes'] * poolShares[use];
}

function brokerSettingsOf(values: NodeSettingValues): BrokerSettings {
  return {
    ...defaultBrokerSettings,
    maxConnections: values['max.connections'],
    maxConnectionsPerAddress: values['max.connections.per.ip'],
    maxFrameBytes: values['socket.request.max.bytes'],
    maxInFlightRequests: values['connection.max.requests'],
    maxOutputBytes: values['connection.max.reply.bytes'],
    maxAllOutputBytes: values['connections.max.reply.bytes'],
    keptRequestBytes: keptBytes(values, 'requests'),
    internalKeptRequestBytes: keptBytes(values, 'internalRequests'),
    keptReplicaBytes: keptBytes(values, 'replicaReplies'),
    handshakeMs: values['connection.handshake.timeout.ms'],
    frameMs: values['connection.frame.timeout.ms'],
    idleMs: values['connections.max.idle.ms'],
    internalMaxConnections: values['internal.max.connections'],
    internalMaxInFlightRequests: values['internal.connection.max.requests'],
    internalIdleMs: values['internal.connections.max.idle.ms'],
    stallMs: values['connection.stall.timeout.ms'],
    fetchMaxBytes: values['fetch.max.bytes'],
    maxWaitMs: values['request.max.wait.ms'],
    maxBatchBytes: values['max.message.bytes'],
    housekeepingMs: values['log.housekeeping.interval.ms'],
    shutdownMs: values['shutdown.timeout.ms'],
    controlledShutdownMs: values['controlled.shutdown.timeout.ms'],
    heartbeatMs: values['broker.heartbeat.interval.ms'],
    sessionTimeoutMs: values['broker.session.timeout.ms'],
    replicaLagMaxMs: values['replica.lag.time.max.ms'],
    replicaFetchWaitMs: values['replica.fetch.wait.max.ms'],
    replicaFetchMaxBytes: values['replica.fetch.response.max.bytes'],
    replicaFetchPartitionMaxBytes: values['replica.fetch.max.bytes'],
  };
}
