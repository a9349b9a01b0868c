import { describe, expect, test } from 'vitest';
import type { FileSystem } from '@millrace/base';
import { ManualClock, recordingLogger, SimulatedDisk } from '@millrace/testkit';
import { SpaceGuard } from '../../src/directory/space-guard.js';

/** A guard that keeps 1,000 bytes free, over a disk whose free space the test sets. */
function guarded(freeBytes: number) {
  const disk = { freeBytes, asked: 0 };
  const real = new SimulatedDisk().files();
  const files: FileSystem = Object.create(real, {
    freeBytes: {
      value: () => {
        disk.asked++;
        return disk.freeBytes;
      },
    },
  }) as FileSystem;
  const clock = new ManualClock();
  const logger = recordingLogger();
  const guard = new SpaceGuard({ files, clock, logger, path: '/', lowSpaceBytes: 1000 });
  const isAdmitted = (bytes: number): boolean => {
    try {
      guard.admit(bytes);
      disk.freeBytes -= bytes;
      return true;
    } catch {
      return false;
    }
  };
  return { disk, clock, logger, guard, isAdmitted };
}

describe('the space guard', () => {
  test('never lets appends pass the mark, whatever their sizes, without asking for each', () => {
    const { disk, isAdmitted } = guarded(1_000_000);
    let admitted = 0;
    for (let bytes = 1; isAdmitted(bytes); bytes = (bytes * 7) % 501) admitted++;
    expect(disk.freeBytes).toBeGreaterThanOrEqual(1000);
    expect(disk.freeBytes).toBeLessThan(1600);
    expect(admitted).toBeGreaterThan(1000);
    expect(disk.asked).toBeLessThan(30);
  });

  test('sees within a second that others filled the disk, and within a tenth that there is room again', () => {
    const { disk, clock, logger, isAdmitted } = guarded(1_000_000);
    disk.freeBytes = 500;
    expect(isAdmitted(10)).toBe(true);
    clock.advance(1000);
    expect(isAdmitted(10)).toBe(false);
    disk.freeBytes = 1_000_000;
    expect(isAdmitted(10)).toBe(false);
    clock.advance(100);
    expect(isAdmitted(10)).toBe(true);
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'disk almost full: appends are refused until there is room',
      'disk has room again: appends are taken',
    ]);
  });

  test('wants a little more than the mark before it opens again', () => {
    const { disk, clock, isAdmitted } = guarded(900);
    disk.freeBytes = 1050;
    clock.advance(100);
    expect(isAdmitted(1)).toBe(false);
    disk.freeBytes = 1200;
    clock.advance(100);
    expect(isAdmitted(1)).toBe(true);
  });

  test('refuses one append that is too large, and takes the smaller ones after it', () => {
    const { guard, isAdmitted } = guarded(2000);
    expect(() => {
      guard.admit(1500);
    }).toThrow(expect.objectContaining({ code: 'LOG_DISK_FULL', retriable: true }));
    expect(guard.isLow).toBe(false);
    expect(isAdmitted(300)).toBe(true);
  });
});
