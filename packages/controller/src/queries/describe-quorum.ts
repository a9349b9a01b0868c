/** The controller quorum as its leader sees it. */
import type { DescribeQuorumResponse } from '@millrace/protocol';
import type { RaftDriver, ReplicaKey } from '@millrace/raft';

export function describeQuorum(driver: RaftDriver, nodeId: number): DescribeQuorumResponse {
  const { endPosition, followers, membership } = driver;
  const matched = new Map(followers.map((one) => [nameOf(one.replica), one.matched]));
  const described = (replica: ReplicaKey): DescribeQuorumResponse['voters'][number] => {
    const end = replica.id === nodeId ? endPosition : (matched.get(nameOf(replica)) ?? 0);
    return { nodeId: replica.id, directoryId: replica.directoryId, logEndOffset: end, lag: endPosition - end };
  };
  const voters = new Set(membership.voters.map(nameOf));
  return {
    leaderId: nodeId,
    leaderEpoch: driver.leadership.term,
    highWatermark: driver.committedPosition,
    voters: membership.voters.map(described),
    observers: followers
      .map(({ replica }) => replica)
      .filter((replica) => !voters.has(nameOf(replica)))
      .map(described),
  };
}

function nameOf({ id, directoryId }: ReplicaKey): string {
  return `${id} ${directoryId}`;
}
