import { ReadBuffers } from './read-buffers.js';
import { TailCacheBudget } from './tail-cache.js';

/** Memory that the logs of a node share, so that it is bounded whatever their number. */
export interface LogMemory {
  readonly tails: TailCacheBudget;
  readonly buffers: ReadBuffers;
}

const tailBudgetBytes = 64 * 1024 * 1024;
const keptBufferBytes = 16 * 1024 * 1024;

export function createLogMemory(): LogMemory {
  return { tails: new TailCacheBudget(tailBudgetBytes), buffers: new ReadBuffers(keptBufferBytes) };
}
