/** Topics that the cluster keeps for itself. */
export const internalTopicNames: readonly string[] = [
  '__cluster_metadata',
  '__consumer_offsets',
  '__share_group_state',
  '__transaction_state',
];

export function isInternalTopic(name: string): boolean {
  return internalTopicNames.includes(name);
}
