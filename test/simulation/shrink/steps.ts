import type { Plan } from '../plan/plan.js';

/** One way to make a plan smaller; undefined when it is that small already. */
export type Step = (plan: Plan) => Plan | undefined;

export function without(record: Readonly<Record<string, string>>, key: string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}
