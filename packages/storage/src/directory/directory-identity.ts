import { MillraceError, type Environment, type RandomStream } from '@millrace/base';
import {
  checkMetaProperties,
  readMetaProperties,
  writeMetaProperties,
  type MetaProperties,
} from './meta-properties.js';
import { parsePartitionDirectoryName } from './partition-name.js';

export interface ExpectedIdentity {
  readonly path: string;
  readonly nodeId: number;
  readonly clusterId?: string;
}

/**
 * Who a data directory belongs to: checked against who asks, or written into an empty directory. A directory that has
 * partitions and has lost its `meta.properties` is refused, for they are somebody's.
 */
export async function openIdentity(
  environment: Pick<Environment, 'files' | 'random'>,
  expected: ExpectedIdentity,
): Promise<MetaProperties> {
  const { files, random } = environment;
  const { path, nodeId, clusterId } = expected;
  const found = readMetaProperties(files, path);
  if (found !== undefined) {
    checkMetaProperties(path, found, { clusterId, nodeId });
    return found;
  }
  const partition = files.list(path).find((name) => parsePartitionDirectoryName(name) !== undefined);
  if (partition !== undefined) {
    throw new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `${path} holds partitions (${partition}) but no meta.properties that says whose they are. Restore that file, or ` +
        'choose an empty directory',
    );
  }
  const ids = random.stream('storage/directory-identity');
  const meta = { clusterId: clusterId ?? newId(ids), nodeId, directoryId: newId(ids) };
  await writeMetaProperties(files, path, meta);
  return meta;
}

/** 16 random bytes as 22 characters, as Kafka writes its ids; a leading `-` would look like an option to a shell. */
function newId(ids: RandomStream): string {
  for (;;) {
    const id = Buffer.from(ids.bytes(16)).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
