/**
 * Asks the leader of each of some partitions, one request to a node, and asks again for those whose leader could not
 * be reached or was another: until all have answered, an error is final, or the time is up.
 */
import { MillraceError } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import { errorFromWire, protocolError } from '@millrace/protocol';
import { FinalAnswer, untilAnswered } from './final-answer.js';

export interface PartitionOfTopic {
  readonly topic: string;
  readonly partition: number;
}

/** What a request says of one partition; the rest is the caller's. */
export interface LeaderEntry {
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

/** A topic that was just created may not be known everywhere yet. */
const unknownTopicPatienceMs = 1000;

interface Answer {
  readonly partition: number;
  readonly error: number;
  readonly message: string | null;
}

export interface LeaderQuestion<Item extends PartitionOfTopic, Reply extends Answer> {
  readonly items: readonly Item[];
  /** For error messages: what is asked. */
  readonly what: string;
  readonly ask: (
    node: number,
    entries: readonly (LeaderEntry & { readonly item: Item })[],
    limit: RetryLimit,
  ) => Promise<readonly Reply[]>;
}

/** Resolves with the answers in the order of the items. */
export async function askLeaders<Item extends PartitionOfTopic, Reply extends Answer>(
  client: ClusterClient,
  limit: RetryLimit,
  question: LeaderQuestion<Item, Reply>,
): Promise<Reply[]> {
  const replies = new Map<Item, Reply>();
  const topics = [...new Set(question.items.map(({ topic }) => topic))];
  const { clock } = client.environment;
  const patientUntilMs = clock.monotonicMs() + unknownTopicPatienceMs;
  await untilAnswered(client, { ...limit, topics }, async (attempt) => {
    const pending = question.items.filter((item) => !replies.has(item));
    const byNode = await groupByLeader(client, pending, attempt).catch((error: unknown) => {
      const isUnknown = error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
      throw isUnknown && clock.monotonicMs() >= patientUntilMs ? new FinalAnswer(error) : error;
    });
    const failures = await Promise.all(
      [...byNode].map(async ([node, entries]) => {
        const answers = await question.ask(node, entries, attempt);
        if (answers.length !== entries.length) {
          throw protocolError('INVALID_RESPONSE', `Node ${node} answered ${question.what} for other partitions.`);
        }
        return answers.map((answer, index) => {
          const { item } = entries[index] as { readonly item: Item };
          const error = errorFromWire(answer, `${question.what} of ${item.topic}-${item.partition}`);
          if (error === undefined) replies.set(item, answer);
          return error;
        });
      }),
    );
    const errors = failures.flat().filter((error) => error !== undefined);
    // A final error ends it; one that may pass must not hide it.
    const worst = errors.find((error) => !error.retriable) ?? errors[0];
    if (worst !== undefined) throw worst;
  });
  return question.items.map((item) => replies.get(item) as Reply);
}

async function groupByLeader<Item extends PartitionOfTopic>(
  client: ClusterClient,
  items: readonly Item[],
  limit: RetryLimit,
): Promise<Map<number, (LeaderEntry & { readonly item: Item })[]>> {
  const byNode = new Map<number, (LeaderEntry & { readonly item: Item })[]>();
  for (const item of items) {
    const { topicId } = await client.topic(item.topic, limit);
    const { node, leaderEpoch } = await client.leader(item.topic, item.partition, limit);
    const entries = byNode.get(node) ?? [];
    entries.push({ item, topicId, partition: item.partition, leaderEpoch });
    byNode.set(node, entries);
  }
  return byNode;
}
