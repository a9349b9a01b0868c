import { MillraceError, type Environment, type FileSystem, type RandomStream } from '@millrace/base';
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
  /** No id is drawn for the cluster: the node learns it when it joins one. */
  readonly awaitsCluster?: boolean;
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
  const { path, nodeId, clusterId, awaitsCluster = false } = expected;
  const ids = random.stream('storage/directory-identity');
  const newClusterId = (): string => clusterId ?? (awaitsCluster ? '' : newId(ids));
  const found = readMetaProperties(files, path);
  if (found !== undefined) {
    checkMetaProperties(path, found, { clusterId, nodeId });
    if (found.clusterId !== '' || (awaitsCluster && clusterId === undefined)) return found;
    return joinCluster(files, { path, meta: found, clusterId: newClusterId() });
  }
  const partition = files.list(path).find((name) => parsePartitionDirectoryName(name) !== undefined);
  if (partition !== undefined) {
    throw new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `${path} holds partitions (${partition}) but no meta.properties that says whose they are. Restore that file, or ` +
        'choose an empty directory',
    );
  }
  const meta = { clusterId: newClusterId(), nodeId, directoryId: newId(ids) };
  await writeMetaProperties(files, path, meta);
  return meta;
}

/** The directory belongs to this cluster from now on. Throws `INCONSISTENT_CLUSTER_ID` when it has another already. */
export async function joinCluster(
  files: FileSystem,
  { path, meta, clusterId }: { readonly path: string; readonly meta: MetaProperties; readonly clusterId: string },
): Promise<MetaProperties> {
  checkMetaProperties(path, meta, { clusterId, nodeId: meta.nodeId });
  if (meta.clusterId === clusterId) return meta;
  const joined = { ...meta, clusterId };
  await writeMetaProperties(files, path, joined);
  return joined;
}

/** 16 random bytes as 22 characters, as Kafka writes its ids; a leading `-` would look like an option to a shell. */
function newId(ids: RandomStream): string {
  for (;;) {
    const id = Buffer.from(ids.bytes(16)).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
