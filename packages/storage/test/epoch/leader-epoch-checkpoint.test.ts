import { expect, test } from 'vitest';
import { SimulatedDisk } from '@millrace/testkit';
import { readLeaderEpochCheckpoint, writeLeaderEpochCheckpoint } from '../../src/epoch/leader-epoch-checkpoint.js';
import { LeaderEpochHistory } from '../../src/epoch/leader-epoch-history.js';

test('the leader epoch history comes back from its file, and a damaged file counts as none', async () => {
  const files = new SimulatedDisk().files();
  files.makeDirectory('/p');
  expect(readLeaderEpochCheckpoint(files, '/p')).toBeUndefined();
  const history = new LeaderEpochHistory();
  history.assign(0, 0);
  history.assign(5, 120);
  await writeLeaderEpochCheckpoint(files, '/p', history);
  expect(readLeaderEpochCheckpoint(files, '/p')?.entries).toEqual(history.entries);
  const file = files.open('/p/leader-epoch-checkpoint', 'write');
  const text = Buffer.alloc(file.sizeBytes());
  file.readSync(text, 0, text.length, 0);
  expect(text.toString()).toBe('0\n2\n0 0\n5 120\n');
  for (const damaged of ['0\n2\n5 0\n5 120\n', '0\n2\n0 130\n5 120\n', '0\n2\n0 0 0\n5 120\n', '0\n2\n0 0\n']) {
    file.truncate(0);
    file.write(Buffer.from(damaged), 0, damaged.length, 0);
    expect(readLeaderEpochCheckpoint(files, '/p')).toBeUndefined();
  }
});
