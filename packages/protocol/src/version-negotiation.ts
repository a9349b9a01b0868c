/** Which version of an API two peers use: the newest that both have. */
import { isServedOn, type AnyApi, type ApiListener } from './api.js';
import { apis } from './apis.js';
import { protocolError } from './protocol-error.js';

export interface VersionRange {
  readonly key: number;
  readonly min: number;
  readonly max: number;
}

/** What a listener serves, as its Hello reply lists it. */
export function servedVersions(listener: ApiListener): VersionRange[] {
  return [...apis.values()]
    .filter((api) => isServedOn(api, listener))
    .map(({ key, minVersion, maxVersion }) => ({ key, min: minVersion, max: maxVersion }));
}

/** Throws UNSUPPORTED_VERSION, saying which side is behind, when there is no common version. */
export function negotiateVersion(api: AnyApi, offered: readonly VersionRange[]): number {
  const range = offered.find(({ key }) => key === api.key);
  if (range === undefined) throw protocolError('UNSUPPORTED_VERSION', `The node does not serve ${api.name}.`);
  const version = Math.min(range.max, api.maxVersion);
  if (version >= range.min && version >= api.minVersion) return version;
  const behind = range.max < api.minVersion ? 'the node is too old' : 'this program is too old';
  throw protocolError(
    'UNSUPPORTED_VERSION',
    `The node serves ${api.name} versions ${range.min} to ${range.max}, this program speaks ${api.minVersion} to ` +
      `${api.maxVersion}: ${behind}.`,
  );
}
