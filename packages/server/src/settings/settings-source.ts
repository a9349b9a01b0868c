/** Where settings come from, as `key: text` with a place that an error can name. */
import { MillraceError, parseSettings } from '@millrace/base';
import { nodeSettingTable } from './node-settings.js';

export interface SourcedSetting {
  readonly key: string;
  readonly text: string;
  /** How a person finds it: `millrace.yaml:3`, `--set`, `MILLRACE_NODE_ID`. */
  readonly place: string;
}

/** What is wrong with one setting by itself, with its place; undefined when nothing is. */
export function faultOf({ key, text, place }: SourcedSetting): string | undefined {
  try {
    parseSettings(nodeSettingTable, { [key]: text });
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'INVALID_CONFIG') return `${place}: ${error.message}`;
    throw error;
  }
}

/** `key=value`, as `--set` takes it. */
export function settingFromAssignment(assignment: string): SourcedSetting {
  const split = assignment.indexOf('=');
  if (split <= 0) {
    throw new MillraceError('INVALID_CONFIG', `--set takes key=value, not ${JSON.stringify(assignment)}.`);
  }
  return { key: assignment.slice(0, split).trim(), text: assignment.slice(split + 1), place: '--set' };
}
