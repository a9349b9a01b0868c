/**
 * Settings out of environment variables. All that begin with `MILLRACE_` are ours: one that is no setting is a typing error,
 * and is told like an unknown key of a file. Left alone are those that others read or write:
 *
 *     MILLRACE_BOOTSTRAP                          read by the commands for clients
 *     MILLRACE_SERVICE_HOST, MILLRACE_PORT, ...   what Kubernetes and Docker links set for a service called millrace
 */
import { settingKeyFromEnvironmentName, settingToEnvironmentName } from '@millrace/base';
import { nodeSettingTable } from './node-settings.js';
import type { SourcedSetting } from './settings-source.js';

const ofCommands = 'MILLRACE_BOOTSTRAP';
const ofServiceLinks =
  /^MILLRACE_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?)$/;

export function settingsFromEnvironment(variables: Readonly<Record<string, string | undefined>>): SourcedSetting[] {
  const keys = new Map(Object.keys(nodeSettingTable).map((key) => [settingToEnvironmentName(key), key]));
  return Object.entries(variables).flatMap(([name, text]) => {
    const key = keys.get(name) ?? (isOfOthers(name) ? undefined : settingKeyFromEnvironmentName(name));
    return key === undefined || text === undefined ? [] : [{ key, text, place: name }];
  });
}

function isOfOthers(name: string): boolean {
  return name === ofCommands || ofServiceLinks.test(name);
}
