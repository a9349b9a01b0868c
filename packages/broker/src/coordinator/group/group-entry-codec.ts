/** Entries of groups to the records of `__consumer_offsets` and back. */
import { unreachable } from '@millrace/base';
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from '@millrace/protocol';
import { byTopic, indexOf, keysOf, partitionKey, topicIdOf } from '../assignor/topic-partition.js';
import type { EntryCodec } from '../host/entry-codec.js';
import type { GroupEntry } from './group-entry.js';
import type { HeldPartitions } from './group-state.js';

const version = 0;

export const groupEntryCodec: EntryCodec<GroupEntry> = {
  encode: (entry) => encodeGroupRecord(recordOf(entry)),
  decode: (key, value) => {
    const record = decodeGroupRecord(key, value);
    return record === undefined ? undefined : entryOf(record);
  },
};

function recordOf(entry: GroupEntry): GroupRecord {
  const { group } = entry;
  switch (entry.type) {
    case 'group':
      return { type: 'group', key: ['group', group], value: versioned(entry.value) };
    case 'member':
      return { type: 'member', key: ['member', group, entry.memberId], value: versioned(entry.value) };
    case 'target': {
      const value = entry.value === null ? null : { version, partitions: byTopic(entry.value) };
      return { type: 'target', key: ['target', group, entry.memberId], value };
    }
    case 'current': {
      const value =
        entry.value === null
          ? null
          : { ...entry.value, version, assigned: heldOf(entry.value.assigned), revoking: heldOf(entry.value.revoking) };
      return { type: 'current', key: ['current', group, entry.memberId], value };
    }
    case 'rebalance':
      return { type: 'rebalance', key: ['rebalance', group, entry.slot], value: versioned(entry.value) };
    case 'offset': {
      const key: ['offset', string, string, number] = [
        'offset',
        group,
        topicIdOf(entry.partition),
        indexOf(entry.partition),
      ];
      return { type: 'offset', key, value: versioned(entry.value) };
    }
    case 'pending-offset': {
      const { producerId, partition } = entry;
      const key: ['pending-offset', string, number, string, number] = [
        'pending-offset',
        group,
        producerId,
        topicIdOf(partition),
        indexOf(partition),
      ];
      return { type: 'pending-offset', key, value: versioned(entry.value) };
    }
    default:
      return unreachable(entry);
  }
}

function entryOf(record: GroupRecord): GroupEntry {
  const group = record.key[1];
  switch (record.type) {
    case 'group':
      return { type: 'group', group, value: unversioned(record.value) };
    case 'member':
      return { type: 'member', group, memberId: record.key[2], value: unversioned(record.value) };
    case 'target': {
      const value = record.value === null ? null : new Set(keysOf(record.value.partitions));
      return { type: 'target', group, memberId: record.key[2], value };
    }
    case 'current': {
      const fields = unversioned(record.value);
      const value =
        fields === null
          ? null
          : { ...fields, assigned: heldFrom(fields.assigned), revoking: heldFrom(fields.revoking) };
      return { type: 'current', group, memberId: record.key[2], value };
    }
    case 'rebalance':
      return { type: 'rebalance', group, slot: record.key[2], value: unversioned(record.value) };
    case 'offset': {
      const partition = partitionKey(record.key[2], record.key[3]);
      return { type: 'offset', group, partition, value: unversioned(record.value) };
    }
    case 'pending-offset': {
      const [, , producerId, topicId, index] = record.key;
      const partition = partitionKey(topicId, index);
      return { type: 'pending-offset', group, producerId, partition, value: unversioned(record.value) };
    }
    default:
      return unreachable(record);
  }
}

function versioned<Fields extends object>(value: Fields | null): (Fields & { version: number }) | null {
  return value === null ? null : { ...value, version };
}

function unversioned<Fields extends { version: number }>(value: Fields | null): Omit<Fields, 'version'> | null {
  if (value === null) return null;
  const fields: Partial<Fields> = { ...value };
  delete fields.version;
  return fields as Omit<Fields, 'version'>;
}

interface HeldTopic {
  topicId: string;
  partitions: number[];
  epochs: number[];
}

function heldOf(held: HeldPartitions): HeldTopic[] {
  return byTopic(held.keys()).map(({ topicId, partitions }) => ({
    topicId,
    partitions,
    epochs: partitions.map((index) => held.get(partitionKey(topicId, index)) ?? 0),
  }));
}

function heldFrom(topics: readonly HeldTopic[]): HeldPartitions {
  const held = new Map<string, number>();
  for (const { topicId, partitions, epochs } of topics) {
    for (const [place, index] of partitions.entries()) held.set(partitionKey(topicId, index), epochs[place] ?? 0);
  }
  return held;
}
