/** `controller.quorum.voters`: who takes part in the controller quorum, and where. */
import { type Address, parseAddress } from '@millrace/base';
import type { VoterAddress } from '@millrace/controller';

export interface VotersContext {
  readonly nodeId: number;
  /** As configured; undefined: none. */
  readonly internal: Address | undefined;
}

const maxVoters = 9;

/** Undefined when a word is not `id@host:port`. */
export function parseVoters(words: readonly string[]): readonly VoterAddress[] | undefined {
  const voters: VoterAddress[] = [];
  for (const word of words) {
    const [, id, place = ''] = /^(\d{1,10})@(.+)$/.exec(word) ?? [];
    const address = parseAddress(place);
    if (id === undefined || address === undefined) return undefined;
    voters.push({ id: Number(id), ...address });
  }
  return voters;
}

/** What is wrong with the voters of a node; undefined when nothing is. */
export function votersProblem(
  voters: readonly VoterAddress[],
  { nodeId, internal }: VotersContext,
): string | undefined {
  const own = voters.find(({ id }) => id === nodeId);
  if (own === undefined) {
    return `node ${nodeId} must be one of them: this release runs both roles in every node.`;
  }
  if (voters.length === 1) return undefined;
  if (voters.length > maxVoters) return `at most ${maxVoters} nodes may vote.`;
  const twice = voters.find(({ id }, index) => voters.findIndex((voter) => voter.id === id) !== index);
  if (twice !== undefined) return `node ${twice.id} is named twice.`;
  const shared = voters.find(
    ({ host, port }, index) => voters.findIndex((voter) => voter.host === host && voter.port === port) !== index,
  );
  if (shared !== undefined) return `two of them have the address ${shared.host}:${shared.port}.`;
  const unset = voters.find(({ port }) => port === 0);
  if (unset !== undefined) return `node ${unset.id} needs a port that the others can know: 0 is none.`;
  if (internal === undefined) return 'nodes of a cluster reach each other on listener.internal, which is empty.';
  if (internal.port !== own.port) {
    return `node ${nodeId} is at port ${own.port} there, and its listener.internal is port ${internal.port}.`;
  }
  return undefined;
}
