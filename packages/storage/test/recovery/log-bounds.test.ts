import { recordingLogger, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { FilePool } from '../../src/file-pool.js';
import { LogBounds } from '../../src/recovery/log-bounds.js';

function open(disk: SimulatedDisk): LogBounds {
  const files = disk.files();
  return new LogBounds({ files, filePool: new FilePool(files), logger: recordingLogger(), directory: '' });
}

describe('the bounds of a log', () => {
  test('are read as they were written, up to the largest offset', async () => {
    const disk = new SimulatedDisk();
    const bounds = open(disk);
    expect(bounds.read()).toBeUndefined();
    bounds.begin({ syncedOffset: 5, startOffset: 2 });
    bounds.noteSynced(Number.MAX_SAFE_INTEGER);
    expect(open(disk).read()).toEqual({ syncedOffset: Number.MAX_SAFE_INTEGER, startOffset: 2 });
    await bounds.saveStart(4);
    await bounds.saveSynced(7);
    await disk.files().syncDirectory('/');
    expect(open(disk.crash('lost')).read()).toEqual({ syncedOffset: 7, startOffset: 4 });
  });

  test('that could not be saved are not written by what is noted next', async () => {
    const disk = new SimulatedDisk();
    const bounds = open(disk);
    bounds.begin({ syncedOffset: 5, startOffset: 2 });
    disk.failNext({ operation: 'write', code: 'ENOSPC' });
    await expect(bounds.saveStart(4)).rejects.toMatchObject({ code: 'ENOSPC' });
    bounds.noteSynced(6);
    expect(open(disk).read()).toEqual({ syncedOffset: 6, startOffset: 2 });
  });
});
