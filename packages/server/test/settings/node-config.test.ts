import { MillraceError } from '@millrace/base';
import { SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { loadNodeConfig, type NodeConfigSources } from '../../src/settings/node-config.js';

type Sources = Omit<NodeConfigSources, 'files'> & { readonly yaml?: string };

function load({ yaml, ...sources }: Sources) {
  const files = new SimulatedDisk().files();
  if (yaml !== undefined) {
    const file = files.open('millrace.yaml', 'create');
    const bytes = Buffer.from(yaml);
    file.write(bytes, 0, bytes.length, 0);
    file.close();
  }
  const file = yaml === undefined ? {} : { file: { path: 'millrace.yaml', mustExist: true } };
  return loadNodeConfig({ files, ...file, ...sources });
}

async function faultsOf(sources: Sources): Promise<string[]> {
  const error: unknown = await load(sources).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MillraceError)) throw new Error('the configuration was accepted', { cause: error });
  expect(error.code).toBe('INVALID_CONFIG');
  return error.message.split('\n');
}

describe('sources', () => {
  test('with none, a node serves on the well-known ports with both roles', async () => {
    const config = await load({});
    expect(config).toMatchObject({
      nodeId: 1,
      roles: ['controller', 'broker'],
      dataDir: './data',
      client: { host: '127.0.0.1', port: 7400 },
      internal: { host: '127.0.0.1', port: 7401 },
      http: { host: '127.0.0.1', port: 7480 },
      nodeDefaults: {},
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('file, environment, --set, then flags: later wins', async () => {
    const yaml = 'node.id: 2\nretention.ms: 1\nnum.partitions: 2\nbroker.rack: a\n';
    const config = await load({
      yaml,
      variables: { MILLRACE_RETENTION_MS: '2', MILLRACE_NUM_PARTITIONS: '3', MILLRACE_NODE_ID: '3', PATH: '/bin' },
      assignments: ['num.partitions=4', 'node.id=4'],
      overrides: { 'node.id': '5' },
    });
    expect(config.nodeId).toBe(5);
    expect(config.controller['num.partitions']).toBe(4);
    expect(config.nodeDefaults).toEqual({ 'retention.ms': '2' });
    expect(config.rack).toBe('a');
  });

  test('a file may nest its keys and write lists either way', async () => {
    const yaml = [
      '# a comment',
      'listener:',
      '  client: 0.0.0.0:1234',
      '  http:',
      'process.roles: [broker, controller]',
      'cleanup.policy: compact,delete',
      'log:',
      '  level: debug',
    ].join('\n');
    const config = await load({ yaml });
    expect(config.client).toEqual({ host: '0.0.0.0', port: 1234 });
    expect(config.http).toBeUndefined();
    expect(config.roles).toEqual(['broker', 'controller']);
    expect(config.nodeDefaults).toEqual({ 'cleanup.policy': 'compact,delete' });
    expect(config.logLevel).toBe('debug');
  });

  test('an empty file and a missing optional one change nothing', async () => {
    expect((await load({ yaml: '' })).nodeId).toBe(1);
    const files = new SimulatedDisk().files();
    expect((await loadNodeConfig({ files, file: { path: 'none.yaml', mustExist: false } })).nodeId).toBe(1);
  });

  test('an equals sign in a value of --set belongs to the value', async () => {
    expect((await load({ assignments: ['broker.rack=a=b'] })).rack).toBe('a=b');
  });
});

describe('faults', () => {
  test('an unknown key is named with its line and the closest known one', async () => {
    expect(await faultsOf({ yaml: 'node.id: 1\n\nretention.mss: 5\n' })).toEqual([
      'millrace.yaml:3: Unknown setting "retention.mss". Did you mean retention.ms?',
    ]);
  });

  test('an unknown environment variable is named with the closest known key', async () => {
    expect(await faultsOf({ variables: { MILLRACE_RETENTON_MS: '5', MILLRACE_ANYTHING_ELSE: 'x' } })).toEqual([
      'MILLRACE_RETENTON_MS: Unknown setting "retenton.ms". Did you mean retention.ms?',
      'MILLRACE_ANYTHING_ELSE: Unknown setting "anything.else". "millrace config reference" lists them all.',
    ]);
  });

  test.each([
    'PATH',
    'MILLRACE_BOOTSTRAP',
    'MILLRACE_SERVICE_HOST',
    'MILLRACE_SERVICE_PORT_CLIENT',
    'MILLRACE_PORT',
    'MILLRACE_PORT_7400_TCP_ADDR',
    'MILLRACE_HEADLESS_SERVICE_HOST',
  ])('the environment variable %s, which others set or read, is no fault', async (name) => {
    expect((await load({ variables: { [name]: 'tcp://10.0.0.1:7400' } })).nodeId).toBe(1);
  });

  test('a bad value is named with its line, the value and what is allowed', async () => {
    const [fault] = await faultsOf({ yaml: 'listener:\n  client: 127.0.0.1:1\nretention:\n  ms: soon\n' });
    expect(fault).toMatch(/^millrace\.yaml:4: .*"soon".*retention\.ms.*whole number/);
  });

  test('all faults are told at once, each with where it came from', async () => {
    const faults = await faultsOf({
      yaml: 'node.id: -4\n',
      variables: { MILLRACE_NUM_PARTITIONS: 'many' },
      assignments: ['durabilty=fsync'],
      overrides: { 'log.level': 'loud' },
      overridesPlace: '--log-level',
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'millrace.yaml',
      'MILLRACE_NUM_PARTITIONS',
      '--set',
      '--log-level',
    ]);
    expect(faults[2]).toContain('Did you mean durability?');
  });

  test.each([
    ['listener.client', '', 'host:port'],
    ['listener.client', 'localhost', 'host:port'],
    ['listener.http', '127.0.0.1:99999', 'host:port'],
    ['data.dir', '', 'must name a directory'],
    ['process.roles', 'broker', 'a node with one role needs others'],
    ['controller.quorum.voters', '1@a:1,2@b:2', 'listener.internal is port 7401'],
    ['controller.quorum.voters', 'nobody', 'id@host:port'],
    ['max.message.bytes', '17000000', '16711680'],
  ])('%s=%j is refused', async (key, value, reason) => {
    const faults = await faultsOf({ assignments: [`${key}=${value}`] });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(key);
    expect(faults[0]).toContain(reason);
  });

  test('a cluster creates no topics by itself unless told to', async () => {
    const cluster = 'controller.quorum.voters=1@a:7401,2@b:7401,3@c:7401';
    const configs = [
      await load({}),
      await load({ assignments: [cluster] }),
      await load({ assignments: [cluster, 'auto.create.topics.enable=true'] }),
    ];
    const found = configs.map(({ broker, controller, voters }) => [
      voters.length,
      broker.autoCreateTopics,
      controller['auto.create.topics.enable'],
    ]);
    expect(found).toEqual([
      [0, true, true],
      [3, false, false],
      [3, true, true],
    ]);
  });

  test('settings that do not go together are refused', async () => {
    const faults = await faultsOf({ assignments: ['socket.request.max.bytes=100000'] });
    expect(faults[0]).toContain('max.message.bytes');
    expect(faults[0]).toContain('socket.request.max.bytes');
  });

  test.each([
    ['just text', 1],
    ['- a\n- b\n', 1],
    ['node.id: 1\nbroker.rack: [[1]]\n', 2],
    ['node.id: 1\nbroker: "x\n', 2],
    ['node.id: *unknown\n', 1],
  ])('a file that is no settings is refused with the line: %j', async (yaml, line) => {
    const [fault] = await faultsOf({ yaml });
    expect(fault).toMatch(/^millrace\.yaml:\d+: /);
    expect(Number(/:(\d+):/.exec(fault ?? '')?.[1])).toBeGreaterThanOrEqual(line);
  });

  test('an explicitly named file must exist, and be readable', async () => {
    const disk = new SimulatedDisk();
    const files = disk.files();
    const file = { path: 'millrace.yaml', mustExist: true };
    await expect(loadNodeConfig({ files, file })).rejects.toThrow('There is no configuration file millrace.yaml');
    files.open('millrace.yaml', 'create').close();
    disk.failNext({ operation: 'open', code: 'EACCES' });
    await expect(loadNodeConfig({ files, file })).rejects.toThrow('millrace.yaml cannot be read');
  });

  test('a file of megabytes is not read', async () => {
    expect(await faultsOf({ yaml: '#'.repeat(1024 * 1024 + 1) })).toEqual([expect.stringContaining('at most')]);
  });

  test('--set without a value is refused', async () => {
    expect(await faultsOf({ assignments: ['retention.ms'] })).toEqual([expect.stringContaining('key=value')]);
  });
});
