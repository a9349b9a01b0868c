import type { Address } from '@millrace/base';
import { hostname } from 'node:os';

/** A listener on all addresses has no address of its own to tell others: the machine's name stands in for it. */
export function advertisedFor({ host, port }: Address): Address | undefined {
  const isAnyAddress = host === '0.0.0.0' || host === '::';
  return isAnyAddress ? { host: hostname(), port } : undefined;
}
