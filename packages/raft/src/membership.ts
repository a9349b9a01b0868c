/**
 * Who votes. Everybody else who follows the log is an observer and is listed nowhere.
 *
 * As the record of a `membership` entry: `{"version":0,"voters":[{"id":1,"directoryId":"..."}]}` in UTF-8.
 * A membership holds from the moment its entry is in a replica's log, committed or not; truncating the entry undoes it.
 */
import { assert, MillraceError } from '@millrace/base';
import { isSameReplica, replicaKey, type ReplicaKey } from './replica.js';

export interface Membership {
  /** In order of id; no id twice. Empty where nothing is known yet: a replica that has never heard of its cluster. */
  readonly voters: readonly ReplicaKey[];
}

export const noMembership: Membership = { voters: [] };

export function membership(voters: readonly ReplicaKey[]): Membership {
  const sorted = [...voters].sort((a, b) => a.id - b.id);
  sorted.forEach((voter, index) => {
    assert(sorted[index + 1]?.id !== voter.id, `voter id ${voter.id} is there twice`);
  });
  return { voters: sorted };
}

export function isVoter(members: Membership, replica: ReplicaKey): boolean {
  return members.voters.some((voter) => isSameReplica(voter, replica));
}

export function voterWithId(members: Membership, id: number): ReplicaKey | undefined {
  return members.voters.find((voter) => voter.id === id);
}

export function majority(members: Membership): number {
  return Math.floor(members.voters.length / 2) + 1;
}

export function encodeMembership(members: Membership): Uint8Array {
  const voters = members.voters.map(({ id, directoryId }) => ({ id, directoryId }));
  return Buffer.from(JSON.stringify({ version: 0, voters }));
}

export function decodeMembership(bytes: Uint8Array): Membership {
  try {
    const decoded = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      readonly version: number;
      readonly voters: readonly ReplicaKey[];
    };
    if (decoded.version !== 0) throw new Error(`version ${decoded.version} is unknown`);
    return membership(decoded.voters.map(({ id, directoryId }) => replicaKey(id, directoryId)));
  } catch (error) {
    throw new MillraceError(
      'CORRUPT_MESSAGE',
      'A membership entry of the Raft log cannot be read. It was written by a newer version, or the log is damaged.',
      { cause: error },
    );
  }
}
