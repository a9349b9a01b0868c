/** How many partitions changed hands between two assignments, and how many had to, when all members count the same. */
export function minimalMoves(
  before: ReadonlyMap<string, ReadonlySet<string>>,
  after: ReadonlyMap<string, ReadonlySet<string>>,
): { readonly moved: number; readonly atLeast: number } {
  const owners = new Map<string, string>();
  for (const [member, partitions] of before) for (const key of partitions) owners.set(key, member);
  let moved = 0;
  let total = 0;
  let kept = 0;
  const counts = new Map([...after.keys()].map((member) => [member, 0]));
  for (const [member, partitions] of after) {
    for (const key of partitions) {
      total += 1;
      const owner = owners.get(key);
      if (owner !== member) moved += 1;
      const count = owner === undefined ? undefined : counts.get(owner);
      if (owner !== undefined && count !== undefined) counts.set(owner, count + 1);
    }
  }
  if (counts.size === 0) return { moved, atLeast: 0 };
  const floor = Math.floor(total / counts.size);
  let ceilings = total - floor * counts.size;
  for (const count of [...counts.values()].sort((a, b) => b - a)) {
    const quota = ceilings > 0 ? floor + 1 : floor;
    ceilings -= 1;
    kept += Math.min(count, quota);
  }
  return { moved, atLeast: total - kept };
}
