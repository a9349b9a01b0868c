/** The topic a load runs on: the one that was named, created when absent, or one of its own that it deletes afterwards. */
import { randomBytes } from 'node:crypto';
import type { Admin } from '@millrace/admin';
import type { LoadOptions } from './load-options.js';

export interface LoadTopic extends AsyncDisposable {
  readonly name: string;
}

export async function openLoadTopic(admin: Admin, options: LoadOptions): Promise<LoadTopic> {
  const name = options.topic ?? `perf-${randomBytes(4).toString('hex')}`;
  const existing = await admin.listTopics();
  if (!existing.some((topic) => topic.name === name))
    await admin.createTopic({ name, partitions: options.partitions, configs: options.config ?? {} });
  return {
    name,
    [Symbol.asyncDispose]: async () => {
      if (options.topic === undefined) await admin.deleteTopic(name);
    },
  };
}
