/** The one place where an error becomes the (number, message) pair of one entry of a reply. */
import { errorNumber, wireError, type WireError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { logUnexpected } from '../dispatch.js';

type Reporting = Pick<BrokerServices, 'logger' | 'metrics'>;

/** Counts the error; an unexpected one is logged, and its message stays here. */
export function entryError(services: Reporting, api: { key: number; name: string }, error: unknown): WireError {
  const number = errorNumber(error);
  services.metrics.failed(api.key, number);
  if (number === -1) logUnexpected(services.logger, api.name, error);
  return wireError(error);
}
