/** Waits until something is so, looking again and again, and fails with what it waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'millrace';

export type PartitionDescription = Awaited<ReturnType<Admin['describeTopic']>>['partitions'][number];

const giveUpMs = 120_000;

export async function until(what: string, isSo: () => Promise<boolean> | boolean, lookEveryMs = 50): Promise<void> {
  for (const deadlineMs = performance.now() + giveUpMs; performance.now() < deadlineMs; await sleep(lookEveryMs))
    if (await isSo()) return;
  throw new Error(`Waited ${giveUpMs} ms in vain until ${what}`);
}

/** Until every partition of a topic is as it should be. */
export function untilPartitions(
  admin: Admin,
  topic: string,
  what: string,
  isSo: (partition: PartitionDescription) => boolean,
): Promise<void> {
  return until(`each partition of ${topic} is ${what}`, async () =>
    (await admin.describeTopic(topic)).partitions.every(isSo),
  );
}

export const isInSync = ({ isr, replicas }: PartitionDescription): boolean => isr.length === replicas.length;
