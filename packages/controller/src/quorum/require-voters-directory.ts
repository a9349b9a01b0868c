import { MillraceError } from '@millrace/base';
import type { Membership } from '@millrace/raft';

/** A voter that comes back with another directory has lost what it promised: it is somebody else under the same id. */
export function requireVotersDirectory(
  membership: Membership | undefined,
  { nodeId, directoryId }: { readonly nodeId: number; readonly directoryId: string },
): void {
  const voter = membership?.voters.find(({ id }) => id === nodeId);
  if (voter === undefined || voter.directoryId === directoryId) return;
  throw new MillraceError(
    'INVALID_VOTER_KEY',
    `Node ${nodeId} votes in the controller quorum with directory ${voter.directoryId}, and came with ${directoryId}: ` +
      'its disk was emptied or swapped. Remove the old voter before the node joins again.',
  );
}
