/** Ping: a sign of life. */
import { pingApi } from '@millrace/protocol';
import { type AnyHandler, handlerOf } from '../request.js';

export function pingHandler(): AnyHandler {
  return handlerOf(pingApi, () => ({ body: {} }));
}
