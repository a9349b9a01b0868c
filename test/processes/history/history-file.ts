/**
 * The history of a run with real processes: one JSON object a line, written as things happen, in the order in which
 * they happened. A value is sent once, so it names one attempt.
 *
 *     {"t":12.5,"process":"producer-0","kind":"invoke","f":"send","topic":"ledger","partition":1,"value":"0-17"}
 *     {"t":19.1,"process":"producer-0","kind":"ok","f":"send","value":"0-17","offset":4}
 *     {"t":19.1,"process":"producer-0","kind":"info","f":"send","value":"0-18","error":"REQUEST_TIMED_OUT: ..."}
 *     {"t":20.0,"process":"consumer","kind":"ok","f":"poll","topic":"ledger","partition":1,"highWatermark":6,
 *      "records":[[4,"0-17"],[5,"0-21"]]}
 *     {"t":21.0,"process":"asker","kind":"ok","f":"latest","topic":"ledger","partition":1,"offset":6,"invoked":20.8}
 *     {"t":30.0,"process":"nemesis","kind":"info","f":"fault","text":"kill -9 of node 2, which leads partition 1"}
 *     {"t":90.0,"process":"drain","kind":"ok","f":"drain","topic":"ledger","partition":1,"start":0,"end":1,
 *      "records":[[0,"0-17"]]}
 *
 * `ok`: it happened. `fail`: it definitely did not. `info`: nobody knows. Times are milliseconds of one monotonic clock.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

export type OffsetAndValue = readonly [offset: number, value: string];

export interface SendInvoked {
  readonly kind: 'invoke';
  readonly f: 'send';
  readonly topic: string;
  readonly partition: number;
  readonly value: string;
}

export interface SendEnded {
  readonly kind: 'ok' | 'fail' | 'info';
  readonly f: 'send';
  readonly value: string;
  readonly offset?: number;
  readonly error?: string;
}

export interface Polled {
  readonly kind: 'ok';
  readonly f: 'poll';
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: number;
  readonly records: readonly OffsetAndValue[];
}

export interface PollFailed {
  readonly kind: 'fail';
  readonly f: 'poll';
  readonly topic: string;
  readonly error: string;
}

export interface LatestAnswered {
  readonly kind: 'ok';
  readonly f: 'latest';
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly invoked: number;
}

export interface FaultDone {
  readonly kind: 'info';
  readonly f: 'fault';
  readonly text: string;
}

export interface Drained {
  readonly kind: 'ok';
  readonly f: 'drain';
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly records: readonly OffsetAndValue[];
}

export type Happening = SendInvoked | SendEnded | Polled | PollFailed | LatestAnswered | FaultDone | Drained;

export type HistoryLine = Happening & { readonly t: number; readonly process: string };

const flushAtCharacters = 64 * 1024;

export class HistoryFile {
  readonly path: string;
  readonly #file: number;
  readonly #startedMs = performance.now();
  #text = '';

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, 'w');
  }

  get nowMs(): number {
    return Math.round(10 * (performance.now() - this.#startedMs)) / 10;
  }

  add(process: string, happening: Happening): void {
    this.#text += `${JSON.stringify({ t: this.nowMs, process, ...happening })}\n`;
    if (this.#text.length >= flushAtCharacters) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text);
    for (let written = 0; written < bytes.length;) written += writeSync(this.#file, bytes, written);
    this.#text = '';
  }
}
