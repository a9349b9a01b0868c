/** Why a node did not start, as one typed error with a sentence that says what to do. */
import { errorMessage, MillraceError } from '@millrace/base';
import type { NodeConfig } from './settings/node-config.js';

export function startError(error: unknown, config: Pick<NodeConfig, 'nodeId' | 'dataDir'>): MillraceError {
  // The layers below name the address, the directory or the setting: nothing to add.
  if (error instanceof MillraceError) return error;
  return new MillraceError(
    'UNKNOWN_SERVER_ERROR',
    `Node ${config.nodeId} on ${config.dataDir} cannot start: ${errorMessage(error)}.`,
    { cause: error },
  );
}
