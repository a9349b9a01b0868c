import { expect, test } from 'vitest';
import { z } from 'zod';
import { apis, isServedOn, metadataApi, servedVersions, type ApiListener } from '../src/index.js';

const all = [...apis.values()];

test('keys and names are unique and in order of the keys', () => {
  expect(all.map(({ key }) => key)).toEqual([...new Set(all.map(({ key }) => key))].sort((a, b) => a - b));
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test('versions have no gaps and each says why it is there', () => {
  for (const { versions, minVersion, maxVersion } of all) {
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => minVersion + index));
    expect(versions.at(-1)?.version).toBe(maxVersion);
    for (const { why } of versions) expect(why).toMatch(/\w+/);
  }
});

/**
 * Who may call what: every API of the table on every listener. An API that is missing here fails the test, so that a new
 * one gets its line by decision and not by accident.
 */
const reachable: Readonly<Record<string, readonly ApiListener[]>> = {
  Produce: ['client'],
  Fetch: ['client'],
  ListOffsets: ['client'],
  Metadata: ['client'],
  OffsetCommit: ['client'],
  OffsetFetch: ['client'],
  FindCoordinator: ['client'],
  ListGroups: ['client'],
  Hello: ['client', 'internal'],
  CreateTopics: ['client', 'internal'],
  DeleteTopics: ['client', 'internal'],
  DeleteRecords: ['client'],
  InitProducerId: ['client'],
  OffsetForLeaderEpoch: ['client', 'internal'],
  AddPartitionsToTxn: ['internal'],
  EndTxn: ['client'],
  WriteTxnMarkers: ['internal'],
  TxnOffsetCommit: ['client'],
  DescribeConfigs: ['client', 'internal'],
  DescribeLogDirs: ['client'],
  CreatePartitions: ['client', 'internal'],
  DeleteGroups: ['client'],
  ElectLeaders: ['client', 'internal'],
  IncrementalAlterConfigs: ['client', 'internal'],
  AlterPartitionReassignments: ['client', 'internal'],
  ListPartitionReassignments: ['client', 'internal'],
  OffsetDelete: ['client'],
  AlterPartition: ['internal'],
  DescribeQuorum: ['client', 'internal'],
  DescribeCluster: ['client', 'internal'],
  UnregisterBroker: ['client', 'internal'],
  AddRaftVoter: ['client', 'internal'],
  RemoveRaftVoter: ['client', 'internal'],
  DescribeProducers: ['client'],
  RegisterBroker: ['internal'],
  BrokerHeartbeat: ['internal'],
  DescribeTransactions: ['client'],
  ListTransactions: ['client'],
  AllocateProducerIds: ['internal'],
  ConsumerGroupHeartbeat: ['client'],
  ConsumerGroupDescribe: ['client'],
  DescribeTopicPartitions: ['client'],
  ReplicaFetch: ['internal'],
  Ping: ['client', 'internal'],
  RaftMessage: ['internal'],
};

const matrix = all.flatMap((api) => (['client', 'internal'] as const).map((listener) => ({ api, listener })));

test.each(matrix.map((cell) => ({ ...cell, name: cell.api.name })))('X11: $name on the $listener listener', (cell) => {
  const isAllowed = reachable[cell.api.name]?.includes(cell.listener);
  expect(isAllowed).toBeDefined();
  expect(isServedOn(cell.api, cell.listener)).toBe(isAllowed);
  expect(servedVersions(cell.listener).some(({ key }) => key === cell.api.key)).toBe(isAllowed);
});

test('X11: an API that does not say more is served on its own listener only', () => {
  expect(all.map(({ name }) => name).sort()).toEqual(Object.keys(reachable).sort());
  for (const listener of ['client', 'internal'] as const) {
    const silent = { listener, alsoInternal: metadataApi.alsoInternal };
    expect(isServedOn(silent, 'client')).toBe(listener === 'client');
    expect(isServedOn(silent, 'internal')).toBe(listener === 'internal');
  }
});

/** Every schema below a field, with its path. */
function* walk(schema: z.core.$ZodType, path: string): Generator<{ path: string; schema: z.core.$ZodType }> {
  yield { path, schema };
  if (schema instanceof z.ZodObject) {
    for (const [key, field] of Object.entries<z.core.$ZodType>(schema.shape)) yield* walk(field, `${path}.${key}`);
  }
  if (schema instanceof z.ZodArray) yield* walk(schema.element, `${path}[]`);
  if (schema instanceof z.ZodNullable) yield* walk(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) {
    for (const [index, option] of schema.options.entries()) yield* walk(option, `${path}|${index}`);
  }
}

function isMaxLengthSet(schema: z.ZodArray): boolean {
  return (schema._zod.def.checks ?? []).some(({ _zod }) => _zod.def.check === 'max_length');
}

const fields = all.flatMap((api) => [
  ...walk(api.request, `${api.name} request`),
  ...walk(api.response, `${api.name} response`),
]);

test('every number, text and list is bounded', () => {
  const unbounded = fields.filter(({ schema }) => {
    if (schema instanceof z.ZodNumber) {
      return schema.safeParse(2 ** 53).success || schema.safeParse(-(2 ** 53)).success || schema.safeParse(0.5).success;
    }
    if (schema instanceof z.ZodString) return schema.safeParse('x'.repeat(100_000)).success;
    if (schema instanceof z.ZodArray) return !isMaxLengthSet(schema);
    return false;
  });
  expect(unbounded.map(({ path }) => path)).toEqual([]);
});

test('every field has a text for the documentation', () => {
  const silent = fields.filter(({ path, schema }) => {
    if (!path.includes('.') || /(\[\]|\|\d+)$/.test(path) || schema instanceof z.ZodNullable) return false;
    return (z.globalRegistry.get(schema)?.description ?? '') === '';
  });
  expect(silent.map(({ path }) => path)).toEqual([]);
});
