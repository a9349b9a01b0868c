import type { ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse } from '@millrace/protocol';
import { isReassigning } from '../decisions/partition-transition.js';
import type { MetadataImage } from '../image/metadata-image.js';

/** The partitions that are being moved, of those asked for; one that does not exist is not being moved. */
export function listReassignments(
  image: MetadataImage,
  { topics }: ListPartitionReassignmentsRequest,
): ListPartitionReassignmentsResponse {
  const wanted = topics ?? image.topicsByName().map(({ name }) => ({ name, partitions: undefined }));
  return {
    partitions: wanted.flatMap(({ name, partitions }) =>
      (image.topicByName(name)?.partitions ?? [])
        .filter((one) => isReassigning(one) && partitions?.includes(one.partition) !== false)
        .map(({ partition, replicas, adding, removing }) => ({ topic: name, partition, replicas, adding, removing })),
    ),
  };
}
