/** Ways to make the consumer groups of a plan smaller. */
import type { GroupPlan } from '../plan/group-plan.js';
import type { Plan, PlanConfig } from '../plan/plan.js';
import type { Step } from './steps.js';

export function groupSteps({ groups = [] }: PlanConfig): Step[] {
  return groups.flatMap(({ name, members }): Step[] => [
    (plan) => withGroups(plan, (group) => (group.name === name ? undefined : group)),
    ...members.map((_, index): Step => {
      return (plan) => withGroups(plan, (group) => (group.name === name ? withoutMember(group, index) : group));
    }),
  ]);
}

/** Groups that read nothing else are gone with the topic. */
export function groupsWithout({ config }: Plan, topic: string): readonly GroupPlan[] {
  return (config.groups ?? []).flatMap((group) => {
    const topics = group.topics.filter((each) => each !== topic);
    return topics.length === 0 && group.pattern === '' ? [] : [{ ...group, topics }];
  });
}

function withGroups(plan: Plan, change: (group: GroupPlan) => GroupPlan | undefined): Plan {
  const groups = (plan.config.groups ?? []).flatMap((group) => change(group) ?? []);
  const names = new Set(groups.map(({ name }) => name));
  const operations = plan.operations.filter((each) => each.kind !== 'member' || names.has(each.group));
  return { ...plan, operations, config: { ...plan.config, groups } };
}

function withoutMember(group: GroupPlan, index: number): GroupPlan {
  if (group.members.length === 1) return group;
  return { ...group, members: group.members.filter((_, each) => each !== index) };
}
