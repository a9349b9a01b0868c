/**
 * Consumer groups for some of the seeds: members that join, leave, crash, come back and sleep longer than their sessions,
 * and faults that hit their coordinator.
 */
import { offsetsTopic } from '../cluster/read-groups.js';
import type { Choice } from './choice.js';
import type { Fault } from './fault.js';
import type { GroupPlan, MemberPlan } from './group-plan.js';
import type { MemberOperation, Operation } from './operation.js';
import type { PlanConfig } from './plan.js';

const share = 0.25;

type Drawn = Pick<PlanConfig, 'groups' | 'nodeSettings'>;

/** Of which the settings go into those of the nodes. */
export function drawGroups(config: PlanConfig, choice: Choice): Drawn {
  if (!choice.chance(share)) return { groups: [], nodeSettings: config.nodeSettings };
  const groups = Array.from({ length: choice.of([1, 1, 1, 2]) }, (_, index) => drawGroup(config, index, choice));
  return { groups, nodeSettings: withGroupSettings(config, choice) };
}

/** The settings of nodes that coordinate groups. */
export function withGroupSettings({ link, nodeSettings }: PlanConfig, choice: Choice): PlanConfig['nodeSettings'] {
  const sessionMs = choice.of(link.maxMs < 20 ? [400, 1000, 3000] : [1000, 3000]);
  const { 'segment.ms': segmentMs, 'connection.max.requests': maxRequests, ...settings } = nodeSettings;
  return {
    ...settings,
    // What is compacted cannot be looked through afterwards.
    ...(segmentMs === undefined || choice.chance(0.8) ? {} : { 'segment.ms': segmentMs }),
    // With one alone every commit waits behind a heartbeat that the broker holds, for longer than some members wait.
    ...(maxRequests === undefined ? {} : { 'connection.max.requests': maxRequests === '1' ? '2' : maxRequests }),
    'group.consumer.session.timeout.ms': String(sessionMs),
    'group.consumer.heartbeat.interval.ms': String(Math.max(50, Math.floor(sessionMs / choice.of([3, 5])))),
    'offsets.topic.num.partitions': String(choice.of([1, 1, 2, 4])),
    // Clocks jump by days: a group that was empty for a moment would have lost its offsets.
    'offsets.retention.minutes': String(2 ** 31 - 1),
  };
}

function drawGroup({ topics }: PlanConfig, index: number, choice: Choice): GroupPlan {
  const names = topics.map(({ name }) => name);
  const read = choice.some(names, 0.6);
  const isPattern = choice.chance(0.25);
  const delivery = choice.chance(0.25) ? 'at-most-once' : 'at-least-once';
  const hasStatic = choice.chance(0.4);
  const styles = delivery === 'at-most-once' ? (['records', 'batches', 'run'] as const) : memberStyles;
  return {
    name: `group-${index}`,
    topics: isPattern ? [] : read,
    pattern: isPattern ? choice.of(['*', `${read[0]?.slice(0, 5) ?? ''}*`]) : '',
    assignor: choice.of(['uniform', 'uniform', 'range'] as const),
    delivery,
    members: Array.from({ length: choice.between(1, 4) }, (_, member): MemberPlan => {
      const requestTimeoutMs = choice.of([500, 1000, 3000]);
      return {
        isStatic: hasStatic && choice.chance(0.6),
        isEarly: member === 0 || choice.chance(0.6),
        style: choice.of(styles),
        workMs: choice.of([0, 0, 1, 20, 200]),
        autoCommitIntervalMs: choice.of([20, 100, 1000]),
        maxPollIntervalMs: choice.of([300, 5000, 300_000]),
        requestTimeoutMs,
      };
    }),
  };
}

const memberStyles = ['records', 'batches', 'run', 'manual'] as const;

/** What members do, in the order of time with all else. */
export function withMemberOperations(
  config: PlanConfig,
  operations: readonly Operation[],
  choice: Choice,
): readonly Operation[] {
  if (config.groups === undefined || config.groups.length === 0) return operations;
  const actions = choice.some(['start', 'leave', 'kill', 'pause', 'restart'] as const, 0.6);
  let id = Math.max(0, ...operations.map((operation) => operation.id));
  const drawn = Array.from({ length: choice.magnitude(1, 14) }, (): MemberOperation => {
    const group = choice.of(config.groups ?? []);
    return {
      kind: 'member',
      id: (id += 1),
      atMs: choice.between(0, config.safetyMs),
      group: group.name,
      member: choice.between(0, group.members.length - 1),
      action: choice.of(actions),
      forMs: choice.magnitude(30, 4000),
    };
  });
  return [...operations, ...drawn].sort((a, b) => a.atMs - b.atMs || a.id - b.id);
}

/** Some of the faults hit whoever coordinates the groups at that moment. */
export function aimedAtCoordinators(config: PlanConfig, faults: readonly Fault[], choice: Choice): readonly Fault[] {
  if (config.groups === undefined || config.groups.length === 0) return faults;
  const partitions = Number(config.nodeSettings['offsets.topic.num.partitions'] ?? 1);
  return faults.map((fault) => {
    if (!choice.chance(0.4)) return fault;
    return {
      ...fault,
      victim: { role: 'leader', topic: offsetsTopic, partition: choice.between(0, partitions - 1) },
    };
  });
}
