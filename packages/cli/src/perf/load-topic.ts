/** The topic a load runs on: the one that was named, created when absent, or one of its own that it deletes afterwards. */
import { randomBytes } from 'node:crypto';
import type { Admin } from '@millrace/admin';
import { MillraceError } from '@millrace/base';
import type { ReportedTopic } from './report.js';

export interface WantedTopic {
  /** One of its own when absent. */
  readonly name?: string | undefined;
  readonly partitions: number;
  readonly replicationFactor?: number | undefined;
  readonly configs: Readonly<Record<string, string>>;
  /** A load that only reads has nothing to read in a new one. */
  readonly mustExist?: boolean;
}

export interface LoadTopic extends AsyncDisposable {
  readonly name: string;
}

export async function openLoadTopic(admin: Admin, wanted: WantedTopic): Promise<LoadTopic> {
  const name = wanted.name ?? `perf-${randomBytes(4).toString('hex')}`;
  const existing = await admin.listTopics();
  const { partitions, replicationFactor, configs } = wanted;
  const isThere = existing.some((topic) => topic.name === name);
  if (!isThere && wanted.mustExist === true)
    throw new MillraceError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `There is no topic ${name} to read: write to it first, for instance with perf produce --topic ${name}`,
    );
  if (!isThere)
    await admin.createTopic({
      name,
      partitions,
      configs,
      ...(replicationFactor === undefined ? {} : { replicationFactor }),
    });
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      if (wanted.name === undefined) await admin.deleteTopic(name);
    },
  };
}

/** As the cluster says it is, whoever made it. */
export async function reportedTopic(admin: Admin, name: string): Promise<ReportedTopic> {
  const { partitions, configs } = await admin.describeTopic(name);
  return {
    name,
    partitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? 0,
    durability: configs['durability']?.value ?? 'unknown',
    minInsyncReplicas: configs['min.insync.replicas']?.value ?? 'unknown',
  };
}
