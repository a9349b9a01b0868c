/** All scenarios, as their files say. */
import { readdirSync, readFileSync } from 'node:fs';
import { parseScenario, type Scenario } from './scenario.js';

const directory = new URL('schedules/', import.meta.url);
let loaded: readonly Scenario[] | undefined;

export function scenarios(): readonly Scenario[] {
  loaded ??= readdirSync(directory)
    .sort()
    .map((file) => parseScenario(readFileSync(new URL(file, directory), 'utf8')));
  return loaded;
}

export function scenarioOf(id: string): Scenario {
  const scenario = scenarios().find((each) => each.id === id);
  if (scenario !== undefined) return scenario;
  throw new Error(
    `There is no scenario ${id}; there are ${scenarios()
      .map((each) => each.id)
      .join(', ')}.`,
  );
}
