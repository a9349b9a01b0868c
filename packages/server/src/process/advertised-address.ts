import type { Address } from '@millrace/base';
import { hostname } from 'node:os';

/** A listener on all addresses has no address of its own to tell clients: the machine's name stands in for it. */
export function advertisedFor(client: Address): Address | undefined {
  const isAnyAddress = client.host === '0.0.0.0' || client.host === '::';
  return isAnyAddress ? { host: hostname(), port: client.port } : undefined;
}
