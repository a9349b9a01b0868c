import { errorFromWire, offsetFetchApi, protocolError } from '@millrace/protocol';
import { withRetries, type ClusterClient, type RetryLimit } from '@millrace/client';
import type { CoordinatorLink } from './coordinator-link.js';
import type { GroupPartition } from './membership.js';

export interface CommittedOffsetsRequest {
  readonly client: ClusterClient;
  readonly link: CoordinatorLink;
  readonly group: string;
  readonly memberId: string;
  /** Asked for at each attempt. */
  readonly memberEpoch: () => number;
  readonly partitions: readonly Omit<GroupPartition, 'topic'>[];
  readonly limit: RetryLimit;
}

/** The committed offset of each partition, in order; -1 where nothing was committed. */
export async function committedOffsets(request: CommittedOffsetsRequest): Promise<number[]> {
  const { client, link, group, memberId, memberEpoch, partitions, limit } = request;
  return withRetries(client, limit, async (attempt) => {
    const body = {
      group,
      memberId,
      memberEpoch: memberEpoch(),
      requireStable: true,
      partitions: partitions.map(({ topicId, partition }) => ({ topicId, partition })),
    };
    const reply = await link.call(offsetFetchApi, body, attempt);
    if (reply.partitions.length !== partitions.length) {
      throw protocolError('INVALID_RESPONSE', 'OffsetFetch was answered for other partitions.');
    }
    return reply.partitions.map((answer) => {
      const error = errorFromWire(answer, `The committed offset of group ${group}`);
      if (error !== undefined) throw error;
      return answer.offset;
    });
  });
}
