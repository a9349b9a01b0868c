import type { Choice } from './choice.js';
import type { Fault, FaultKind, Victim } from './fault.js';
import type { PlanConfig } from './plan.js';
import type { PlanSize } from './plan-size.js';

type Drawn = Fault extends infer Each ? (Each extends Fault ? Omit<Each, 'atMs' | 'victim'> : never) : never;

const kinds: readonly FaultKind[] = [
  'crash',
  'kill',
  'failpoint',
  'rot',
  'stop',
  'pause',
  'disk-full',
  'disk-error',
  'short-writes',
  'slow-disk',
  'cut',
  'isolate',
  'swizzle',
  'reset',
  'slow-link',
  'refuse',
  'wall-jump',
  'wall-rate',
];

/** The end of a process, in every way: half of the seeds with faults have some of these besides. */
const endings: readonly FaultKind[] = ['crash', 'kill', 'failpoint', 'pause', 'isolate'];

/** Files with a checksum that nothing but their node's memory depends on: they are made anew from the log. */
const rottable = ['.snapshot'] as const;

/** A fifth of the seeds goes without faults; the others have some kinds of them. */
export function drawFaults(config: PlanConfig, choice: Choice, size: PlanSize): Fault[] {
  if (choice.chance(0.2)) return [];
  const chosen = choice.some(kinds, choice.of([0.1, 0.25, 0.5]));
  if (choice.chance(0.5)) chosen.push(...choice.some(endings, 0.5));
  const count = choice.magnitude(size.faults.from, size.faults.to);
  const faults: Fault[] = [];
  for (let index = 0; index < count; index += 1) {
    const drawn = drawFault(choice.of(chosen), choice);
    faults.push({ ...drawn, atMs: choice.between(0, config.safetyMs), victim: drawVictim(config, choice) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function drawVictim(config: PlanConfig, choice: Choice): Victim {
  const luck = choice.between(0, 9);
  if (luck < 5) return { role: 'node', index: choice.between(0, config.nodes - 1) };
  if (luck < 7) return { role: 'controller' };
  const topic = choice.of(config.topics);
  return { role: 'leader', topic: topic.name, partition: choice.between(0, topic.partitions - 1) };
}

function drawFault(kind: FaultKind, choice: Choice): Drawn {
  const forMs = choice.magnitude(30, 3000);
  const downMs = choice.magnitude(1, 2000);
  const peers = choice.of(['clients', 'nodes', 'all'] as const);
  switch (kind) {
    case 'crash':
      return {
        kind,
        fate: choice.of(['kept', 'lost', 'torn', 'random', 'random'] as const),
        downMs,
        isEverywhere: choice.chance(0.25),
      };
    case 'failpoint':
      return {
        kind,
        call: choice.of([
          'sync',
          'write',
          'write',
          'rename',
          'truncate',
          'syncDirectory',
          'removeFile',
          'open',
        ] as const),
        suffix: choice.of(['', '', '.log', 'index', '.tmp', 'checkpoint', '.snapshot']),
        after: choice.of([0, 1, 2, 5, 20]),
        ending: choice.of(['kill', 'power-cut', 'power-cut'] as const),
        fate: choice.of(['kept', 'lost', 'torn', 'random'] as const),
        downMs,
      };
    case 'rot':
      return {
        kind,
        suffix: choice.of(rottable),
        fileShare: choice.between(0, 99) / 100,
        bitShare: choice.between(0, 999) / 1000,
      };
    case 'kill':
    case 'stop':
      return { kind, downMs };
    case 'pause':
    case 'refuse':
      return { kind, forMs };
    case 'disk-full':
      return { kind, forMs, spareBytes: choice.of([0, 1, 100, 1000, 10_000]) };
    case 'disk-error':
      return {
        kind,
        call: choice.of([
          'sync',
          'sync',
          'sync',
          'write',
          'read',
          'open',
          'rename',
          'truncate',
          'syncDirectory',
        ] as const),
        suffix: choice.of(['.log', '.log', '.index', '']),
        code: choice.of(['EIO', 'EIO', 'ENOSPC', 'EMFILE'] as const),
        times: choice.of([1, 1, 3]),
        after: choice.of([0, 0, 1, 10]),
        restartAfterMs: choice.magnitude(50, 2000),
      };
    case 'short-writes':
      return { kind, forMs, share: choice.of([0.01, 0.2, 0.9]) };
    case 'slow-disk':
      return { kind, forMs, minMs: choice.of([1, 50]), maxMs: choice.of([100, 1000]) };
    case 'cut':
      return { kind, direction: choice.of(['from-victim', 'to-victim'] as const), peers, forMs };
    case 'isolate':
      return { kind, peers, forMs };
    case 'swizzle':
      return { kind, forMs, salt: choice.between(0, 1_000_000) };
    case 'reset':
      return { kind, peers };
    case 'slow-link':
      return {
        kind,
        peers,
        forMs,
        minMs: choice.of([1, 50]),
        maxMs: choice.of([60, 500]),
        bytesPerMs: choice.of([10, 50]),
      };
    case 'wall-jump':
      return { kind, byMs: choice.of([-86_400_000, -60_000, -1000, 500, 60_000, 7_200_000, 864_000_000]) };
    case 'wall-rate':
      return { kind, rate: choice.of([0.5, 0.99, 1.01, 2]) };
  }
}
