/** From what a load is to do to the load. */
import { ConsumeLoad } from './consume-load.js';
import { LatencyLoad } from './latency-load.js';
import type { Load, LoadTarget } from './load.js';
import type { LoadSpec } from './load-spec.js';
import { ProduceLoad } from './produce-load.js';

export function openLoad(spec: LoadSpec, target: LoadTarget & { readonly isStamped: boolean }): Load {
  if (spec.kind === 'produce') return new ProduceLoad(spec, target);
  return spec.kind === 'consume' ? new ConsumeLoad(spec, target) : new LatencyLoad(spec, target);
}
