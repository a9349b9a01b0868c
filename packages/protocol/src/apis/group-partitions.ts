import { z } from 'zod';
import { name, partitionField, topicIdField } from '../fields.js';

/** Partitions that one topic can have in an assignment. */
const maxPartitionsPerTopic = 10_000;
/** Topics that one member can be given partitions of. */
const maxAssignedTopics = 10_000;

function indexes() {
  return z.array(partitionField()).max(maxPartitionsPerTopic).describe('Indexes of its partitions.');
}

/** Partitions that a member says it has. */
export function ownedPartitions(description: string) {
  return z
    .array(z.object({ topicId: topicIdField(), partitions: indexes() }))
    .max(maxAssignedTopics)
    .describe(description);
}

/** Partitions that a member is given, by topic. */
export function assignedPartitions(description: string) {
  return z
    .array(z.object({ topicId: topicIdField(), topic: name('Name of the topic.'), partitions: indexes() }))
    .max(maxAssignedTopics)
    .describe(description);
}
