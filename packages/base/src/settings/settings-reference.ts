import { settingToEnvironmentName } from './environment-names.js';
import { describeAllowed, formatSetting } from './parse-settings.js';
import type { SettingTable } from './setting.js';

/** One row of the printed reference. */
export interface SettingDescription {
  readonly key: string;
  readonly environmentName: string;
  readonly scope: 'topic' | 'node';
  readonly default: string;
  readonly allowed: string;
  readonly restart: boolean;
  readonly text: string;
}

/** The rows of a table, by key. */
export function describeSettings(table: SettingTable): SettingDescription[] {
  return Object.values(table)
    .map((setting) => ({
      key: setting.key,
      environmentName: settingToEnvironmentName(setting.key),
      scope: setting.scope,
      default: formatSetting(setting.default),
      allowed: describeAllowed(setting),
      restart: setting.restart ?? false,
      text: setting.text,
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The same as a markdown table. */
export function settingsMarkdown(table: SettingTable): string {
  const rows = describeSettings(table).map(
    (row) =>
      `| \`${row.key}\` | ${row.default === '' ? '(empty)' : `\`${row.default}\``} | ${row.allowed} | ` +
      `${row.restart ? 'yes' : 'no'} | ${row.text.replaceAll('|', '\\|')} |`,
  );
  return ['| key | default | allowed | restart | what it does |', '|---|---|---|---|---|', ...rows, ''].join('\n');
}
