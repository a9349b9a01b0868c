/**
 * The high watermark: below it, records are committed, may be read, and survive.
 *
 * It is the lowest end offset that any member of the maximal in-sync set has reported, and never falls while one leader
 * leads. What a replica reports depends on the topic's durability: with `fsync` the end offset that is synced to its
 * disk, with `replicated` the end offset in its memory.
 */
export function nextHighWatermark(current: number, inSyncEndOffsets: readonly number[]): number {
  let lowest = Infinity;
  for (const endOffset of inSyncEndOffsets) lowest = Math.min(lowest, endOffset);
  return lowest === Infinity ? current : Math.max(current, lowest);
}

/**
 * What a follower takes over from its leader: it never has more committed than it has at all, and does not unlearn within
 * one leader epoch.
 */
export function followedHighWatermark(current: number, leaders: number, ownEndOffset: number): number {
  return Math.max(current, Math.min(leaders, ownEndOffset));
}
