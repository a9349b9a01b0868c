import { recordingLogger, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { LeaderEpochJournal } from '../../src/epoch/leader-epoch-journal.js';

const path = '/leader-epoch-journal';

function open(disk: SimulatedDisk): LeaderEpochJournal {
  return new LeaderEpochJournal({ files: disk.files(), logger: recordingLogger(), directory: '' });
}

describe('the journal of leader epochs', () => {
  test('has what the process before wrote, and goes on behind it', () => {
    const disk = new SimulatedDisk();
    const first = open(disk);
    expect(first.read()).toEqual([]);
    first.add([{ epoch: 3, startOffset: 0 }]);
    disk.endProcess();
    const second = open(disk);
    expect(second.read()).toEqual([{ epoch: 3, startOffset: 0 }]);
    second.add([
      { epoch: 4, startOffset: 7 },
      { epoch: 9, startOffset: Number.MAX_SAFE_INTEGER },
    ]);
    disk.endProcess();
    expect(open(disk).read()).toEqual([
      { epoch: 3, startOffset: 0 },
      { epoch: 4, startOffset: 7 },
      { epoch: 9, startOffset: Number.MAX_SAFE_INTEGER },
    ]);
  });

  test('is gone once it is cleared, and begins anew', () => {
    const disk = new SimulatedDisk();
    const journal = open(disk);
    journal.add([{ epoch: 3, startOffset: 0 }]);
    journal.clear();
    expect(disk.files().stat(path)).toBeUndefined();
    journal.add([{ epoch: 4, startOffset: 2 }]);
    expect(open(disk).read()).toEqual([{ epoch: 4, startOffset: 2 }]);
  });

  test('vouches for nothing behind an entry that is damaged or not whole', () => {
    const disk = new SimulatedDisk();
    const journal = open(disk);
    journal.add([
      { epoch: 3, startOffset: 0 },
      { epoch: 4, startOffset: 7 },
    ]);
    disk.flipBit(path, 16 * 8 + 5);
    const damaged = open(disk);
    expect(damaged.read()).toEqual([{ epoch: 3, startOffset: 0 }]);
    damaged.add([{ epoch: 5, startOffset: 8 }]);
    expect(open(disk).read()).toEqual([
      { epoch: 3, startOffset: 0 },
      { epoch: 5, startOffset: 8 },
    ]);
    disk.files().open(path, 'write').truncate(20);
    expect(open(disk).read()).toEqual([{ epoch: 3, startOffset: 0 }]);
  });
});
