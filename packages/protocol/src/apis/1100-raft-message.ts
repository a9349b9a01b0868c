/**
 * RaftMessage: one message of the controller quorum, from node to node. One way: the answer, if there is one, is a
 * message of its own, on the connection that the other node has opened.
 *
 * Bytes travel in the payload, in the order that the message names their lengths: the records of an `append`, the chunk of
 * a `snapshot`. Positions of entries are not sent: the first is at `previousPosition`, each next one where the
 * one before ends.
 */
import { z } from 'zod';
import { defineApi, type RequestOf } from '../api.js';
import { flag, idField, natural, natural53, nodeIdField } from '../fields.js';

/** More than fit into the largest message, counted with what each takes on the wire. */
const maxEntries = 32_768;
const maxRecords = 262_144;
const maxVoters = 64;

function replica(description: string) {
  return z.object({ id: nodeIdField('Node id.'), directoryId: idField('Id of its directory.') }).describe(description);
}

const address = {
  from: replica('Sender.'),
  to: z
    .object({
      id: nodeIdField('Node id.'),
      directoryId: z.string().max(64).describe('Id of its directory; empty when unknown: only `follow` is taken then.'),
    })
    .describe('Receiver; a node whose directory is another one drops the message.'),
  term: natural53('Term of the sender; in a pre-vote and a granting answer to it, the term it would go to.'),
};

const round = natural53('Number of the leader’s round of messages: comes back in the answer.');

const vote = z.object({
  type: z.literal('vote').describe('A replica asks for a vote.'),
  ...address,
  isPreVote: flag('It only asks whether it would get one.'),
  isTransfer: flag('The leader itself asked it to campaign.'),
  end: natural53('End of the sender’s log.'),
  lastTerm: natural53('Term of the last entry in it.'),
});

const voteAnswer = z.object({
  type: z.literal('voteAnswer').describe('The answer to vote.'),
  ...address,
  isPreVote: flag('As in the question.'),
  isGranted: flag('Yes.'),
});

const append = z.object({
  type: z.literal('append').describe('The leader’s entries; without any, a sign of life.'),
  ...address,
  previousPosition: natural53('Where the entries begin.'),
  previousTerm: natural53('Term of the entry before them.'),
  entries: z
    .array(
      z.object({
        term: natural53('Term in which it was appended.'),
        kind: z.enum(['records', 'term', 'membership']).describe('What it holds.'),
        recordBytes: z
          .array(natural('Length of one record.'))
          .min(1)
          .max(maxRecords)
          .describe('Lengths of its records in the payload.'),
      }),
    )
    .max(maxEntries)
    .describe('In the order of the log.'),
  commit: natural53('Everything before this is committed.'),
  round,
});

const appendAnswer = z.object({
  type: z.literal('appendAnswer').describe('The answer to append.'),
  ...address,
  isAccepted: flag('The log had the entry before, and has the entries now.'),
  round,
  previousPosition: natural53('As in the message that this answers.'),
  matched: natural53('Accepted: the log equals the leader’s before this position, synced. Refused: 0.'),
  hintPosition: natural53('Refused: the last place that may match.'),
  hintTerm: natural53('Refused: term of the entry before that place.'),
});

const snapshot = z.object({
  type: z.literal('snapshot').describe('A piece of the leader’s snapshot.'),
  ...address,
  snapshot: z
    .object({
      position: natural53('The snapshot takes the place of everything before this position.'),
      term: natural53('Term of the entry that ended there; 0 at position 0.'),
      membership: z
        .object({
          voters: z
            .array(replica('A voter.'))
            .max(maxVoters)
            .refine(haveDifferentIds, 'has a node twice')
            .describe('All that vote; no node twice.'),
        })
        .describe('Who votes according to everything before the position.'),
      sizeBytes: natural53('Length of the whole snapshot.'),
    })
    .describe('Which one.'),
  offset: natural53('Where the piece begins within the snapshot.'),
  chunkBytes: natural('Length of the piece: the whole payload.'),
  round,
});

const snapshotAnswer = z.object({
  type: z.literal('snapshotAnswer').describe('The answer to snapshot.'),
  ...address,
  position: natural53('Which snapshot.'),
  nextOffset: natural53('First byte that the follower needs next; all before is synced.'),
  round,
});

const follow = z.object({
  type: z.literal('follow').describe('A replica that does not vote asks to be sent the log.'),
  ...address,
  end: natural53('End of the sender’s log.'),
  lastTerm: natural53('Term of the last entry in it.'),
});

const followAnswer = z.object({
  type: z.literal('followAnswer').describe('“I do not lead.”'),
  ...address,
  leader: replica('Whom to ask instead; null: unknown.').nullable(),
});

const campaign = z.object({
  type: z.literal('campaign').describe('The leader hands over: the receiver is to campaign at once.'),
  ...address,
});

const request = z.object({
  message: z
    .discriminatedUnion('type', [
      vote,
      voteAnswer,
      append,
      appendAnswer,
      snapshot,
      snapshotAnswer,
      follow,
      followAnswer,
      campaign,
    ])
    .describe('One of the kinds of messages.'),
});

const response = z.object({});

export const raftMessageApi = defineApi({
  key: 1100,
  name: 'RaftMessage',
  text: 'Carries a message of the controller quorum.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'internal',
  oneWay: true,
  payload: 'request',
  request,
  response,
});

export type RaftMessageRequest = RequestOf<typeof raftMessageApi>;

function haveDifferentIds(replicas: readonly { readonly id: number }[]): boolean {
  return new Set(replicas.map(({ id }) => id)).size === replicas.length;
}
