import { ManualClock, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { batchOf, TestPartition } from '../log/test-partition.js';

test('the newest time of a segment that was closed after the recovery point reached its end is not lost', async () => {
  for (const end of ['power cut', 'clean stop, then a power cut'] as const) {
    const disk = new SimulatedDisk();
    const clock = new ManualClock();
    const config = { segmentMs: 50, indexIntervalBytes: 4096 };
    const first = await TestPartition.open(disk, { clock, config });
    const times: number[] = [];
    for (const value of ['one', 'two', 'three']) {
      const timestampMs = clock.wallMs();
      times.push(timestampMs);
      const batch = batchOf({ values: [value], timestampsMs: [timestampMs] });
      first.log.append(batch, { origin: 'client', leaderEpoch: 0 });
      await first.log.sync();
      // The index has no entry yet: it gets its last one when the segment is closed.
      await first.checkpoint();
      clock.advance(100);
    }
    if (end !== 'power cut') await first.close();
    const second = await TestPartition.open(disk.crash('lost'), { clock, config, clean: end !== 'power cut' });
    const found = await Promise.all(times.map((timeMs) => second.log.offsetForTimestamp(timeMs)));
    expect(found.map((place) => place?.offset)).toEqual([0, 1, 2]);
  }
});
