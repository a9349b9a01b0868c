import { ReadBuffers } from './read-buffers.js';
import { TailCacheBudget } from './tail-cache.js';

/** Memory that the logs of a node share, so that it is bounded whatever their number. */
export interface LogMemory {
  readonly tails: TailCacheBudget;
  readonly buffers: ReadBuffers;
}

export interface LogMemoryLimits {
  /** What the tail caches of all logs keep together. */
  readonly cacheBytes: number;
  /** Buffers of reads from the disk that are kept for the next ones. */
  readonly keptReadBytes: number;
}

export const defaultLogMemoryLimits: LogMemoryLimits = {
  cacheBytes: 64 * 1024 * 1024,
  keptReadBytes: 16 * 1024 * 1024,
};

export function createLogMemory({ cacheBytes, keptReadBytes }: LogMemoryLimits = defaultLogMemoryLimits): LogMemory {
  return { tails: new TailCacheBudget(cacheBytes), buffers: new ReadBuffers(keptReadBytes) };
}
