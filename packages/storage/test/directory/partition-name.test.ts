import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deletedDirectoryName,
  isDeletedDirectoryName,
  parsePartitionDirectoryName,
  partitionDirectoryName,
} from '../../src/directory/partition-name.js';

const topicId = 'kZ1vGm0bTDmU0cFz8qRr4w';

describe('names of partition directories', () => {
  test('lead back to topic and partition, and deleted ones are told from them', () => {
    const topics = fc.stringMatching(/^[A-Za-z0-9._-]{1,249}$/).filter((name) => name !== '.' && name !== '..');
    fc.assert(
      fc.property(topics, fc.nat(99_999), (topic, partition) => {
        const name = partitionDirectoryName({ topic, partition });
        expect(name.length).toBeLessThanOrEqual(255);
        expect(parsePartitionDirectoryName(name)).toEqual({ topic, partition });
        const deleted = deletedDirectoryName({ topic, partition }, topicId);
        expect(deleted.length).toBeLessThanOrEqual(255);
        expect(deleted.endsWith(`.${topicId}-delete`)).toBe(true);
        expect(isDeletedDirectoryName(deleted)).toBe(true);
        expect(parsePartitionDirectoryName(deleted)).toBeUndefined();
      }),
    );
  });

  test('a directory that somebody else calls deleted is not taken for ours', () => {
    for (const name of [
      'my-delete',
      'backup.2026-delete',
      '-delete',
      `${topicId}-delete`,
      `orders-1.${topicId}x-delete`,
    ]) {
      expect(isDeletedDirectoryName(name)).toBe(false);
    }
  });

  test('other names are none', () => {
    for (const name of [
      'lost+found',
      'orders',
      'orders-',
      'orders-01',
      'orders--1',
      '-1',
      '.-1',
      '..-1',
      'a b-1',
      'x-4294967296',
    ]) {
      const parsed = parsePartitionDirectoryName(name);
      if (name === 'orders--1') expect(parsed).toEqual({ topic: 'orders-', partition: 1 });
      else expect(parsed).toBeUndefined();
    }
  });
});
