const prefix = 'MILLRACE_';

/** `retention.ms` is `MILLRACE_RETENTION_MS`. */
export function settingToEnvironmentName(key: string): string {
  return prefix + key.toUpperCase().replaceAll(/[.-]/g, '_');
}

/** What key a variable seems to mean, whether there is such a setting or not; undefined for a variable of other programs. */
export function settingKeyFromEnvironmentName(name: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length).toLowerCase().replaceAll('_', '.') : undefined;
}
