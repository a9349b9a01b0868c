import type { SettingTable } from './setting.js';

const prefix = 'MILLRACE_';

/** `retention.ms` is `MILLRACE_RETENTION_MS`. */
export function settingToEnvironmentName(key: string): string {
  return prefix + key.toUpperCase().replaceAll(/[.-]/g, '_');
}

/** Picks the settings of a table out of environment variables, by key. Variables of other programs are left alone. */
export function settingsFromEnvironment(
  table: SettingTable,
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const key of Object.keys(table)) {
    const text = variables[settingToEnvironmentName(key)];
    if (text !== undefined) found[key] = text;
  }
  return found;
}
