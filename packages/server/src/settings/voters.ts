/** `controller.quorum.voters`: who takes part in the controller quorum, and where. */
import { type Address, parseAddress } from '@millrace/base';
import type { VoterAddress } from '@millrace/controller';
import type { NodeRole } from '@millrace/controller/image';

export interface VotersContext {
  readonly nodeId: number;
  readonly roles: readonly NodeRole[];
  /** As configured; undefined: none. */
  readonly internal: Address | undefined;
  /** Where other nodes reach that listener, when they are told another address, as behind a port mapping. */
  readonly advertisedInternal: Address | undefined;
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

/** Whether a node that is the only voter needs no others, and no quorum: it decides for its own broker. */
export function isAlone(voters: readonly VoterAddress[], roles: readonly NodeRole[]): boolean {
  return voters.length === 1 && roles.includes('broker') && roles.includes('controller');
}

/** What is wrong with the voters of a node; undefined when nothing is. */
export function votersProblem(
  voters: readonly VoterAddress[],
  { nodeId, roles, internal, advertisedInternal }: VotersContext,
): string | undefined {
  const own = voters.find(({ id }) => id === nodeId);
  if (own === undefined && !roles.includes('broker')) {
    return `node ${nodeId} must be one of them: a controller that is no broker has nothing else to do.`;
  }
  if (own !== undefined && !roles.includes('controller')) {
    return `node ${nodeId} is one of them and has only the role broker in process.roles: voters are controllers.`;
  }
  if (own !== undefined && isAlone(voters, roles)) return undefined;
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
  const [reached, what] = advertisedInternal
    ? [advertisedInternal, 'advertised.internal' as const]
    : [internal, 'listener.internal' as const];
  if (own !== undefined && reached.port !== own.port) {
    return `node ${nodeId} is at port ${own.port} there, and its ${what} is port ${reached.port}.`;
  }
  return undefined;
}
