/** A line each second on standard error while loads run: of each load, how much and how fast. */
import { formatCount, printNote } from '../output/print.js';
import { loadName } from './report.js';
import type { LoadProgress } from './run-loads.js';

const everyMs = 1000;

export function liveLines(progress: () => LoadProgress[]): () => void {
  let last = progress();
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = progress();
    const nowMs = performance.now();
    const seconds = (nowMs - lastMs) / 1000;
    printNote(
      now.map((load, index) => lineOf(load, last[index], { seconds, index, isAlone: now.length === 1 })).join(' | '),
    );
    last = now;
    lastMs = nowMs;
  }, everyMs);
  return () => {
    clearInterval(timer);
  };
}

function lineOf(
  { spec, records, bytes }: LoadProgress,
  before: LoadProgress | undefined,
  { seconds, index, isAlone }: { readonly seconds: number; readonly index: number; readonly isAlone: boolean },
): string {
  const perSecond = formatCount(Math.round((records - (before?.records ?? 0)) / seconds));
  const mbPerSecond = ((bytes - (before?.bytes ?? 0)) / seconds / 1e6).toFixed(1);
  const name = isAlone ? '' : `${loadName(spec, index)}: `;
  return `${name}${formatCount(records)} records, ${perSecond}/s, ${mbPerSecond} MB/s`;
}
