import type { Read, Send } from '../workload/history.js';

/** A send as a line of evidence. */
export function sendText(send: Send): string {
  const ended = send.endedMs === Infinity ? 'never' : `${send.endedMs.toFixed(1)} ms`;
  return (
    `${send.producer} sent ${send.value} (number ${send.order}, acks ${send.acks}) to ${send.topic} at ` +
    `${send.invokedMs.toFixed(1)} ms; ${send.outcome} at ${ended}, partition ${send.partition} offset ${send.offset}` +
    (send.error === undefined ? '' : `; ${send.error}`)
  );
}

export function readText(read: Read): string {
  return (
    `${read.consumer} read ${read.value} at ${read.topic}-${read.partition} offset ${read.offset} at ` +
    `${read.readMs.toFixed(1)} ms, high watermark ${read.highWatermark}`
  );
}
