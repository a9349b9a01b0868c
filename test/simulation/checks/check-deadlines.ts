/** H1: every send and every call has its outcome by its deadline. */
import type { History } from '../workload/history.js';
import { sendText } from './describe.js';
import { violation, type Violation } from './violation.js';

export function checkDeadlines(history: History): Violation[] {
  const lateSends = history.sends.filter(({ endedMs, deadlineMs }) => endedMs > deadlineMs).map(sendText);
  const lateCalls = history.calls
    .filter(({ endedMs, deadlineMs }) => endedMs > deadlineMs)
    .map(
      ({ client, text, invokedMs, endedMs, deadlineMs }) =>
        `${client}: ${text}, asked at ${invokedMs.toFixed(1)} ms, due at ${deadlineMs.toFixed(1)} ms, ` +
        (endedMs === Infinity ? 'never answered' : `answered at ${endedMs.toFixed(1)} ms`),
    );
  const evidence = [...lateSends, ...lateCalls];
  return evidence.length === 0 ? [] : [violation('H1', `${evidence.length} outcomes came late or never`, evidence)];
}
