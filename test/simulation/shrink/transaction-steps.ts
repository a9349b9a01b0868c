/** Ways to make the transactional programs of a plan fewer. */
import type { Plan, PlanConfig } from '../plan/plan.js';
import type { Step } from './steps.js';

export function transactionSteps({ transactions }: PlanConfig): Step[] {
  if (transactions === undefined) return [];
  const steps: Step[] = [withoutTransactions];
  if ((transactions.copiers ?? []).length > 0) steps.push(withoutCopiers);
  return steps;
}

function withoutTransactions(plan: Plan): Plan {
  const entries = Object.entries(plan.config).filter(([key]) => key !== 'transactions');
  const operations = plan.operations.filter(({ kind }) => !['transact', 'transactor', 'copier'].includes(kind));
  return { ...plan, config: Object.fromEntries(entries) as unknown as PlanConfig, operations };
}

function withoutCopiers(plan: Plan): Plan | undefined {
  const { transactions } = plan.config;
  if (transactions === undefined) return undefined;
  const operations = plan.operations.filter(({ kind }) => kind !== 'copier');
  return { ...plan, config: { ...plan.config, transactions: { ...transactions, copiers: [] } }, operations };
}
