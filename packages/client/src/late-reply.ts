import type { AnyApi } from '@millrace/protocol';
import type { Expiring } from './deadline-queue.js';
import type { Request } from './request.js';

/** The place of a request whose caller has given up, kept so that its reply is recognised, and awaited for a while. */
export class LateReply implements Expiring {
  readonly api: AnyApi;
  readonly version: number;
  readonly deadlineMs: number;
  readonly #onExpired: () => void;

  constructor(request: Request, deadlineMs: number, onExpired: () => void) {
    this.api = request.api;
    this.version = request.version;
    this.deadlineMs = deadlineMs;
    this.#onExpired = onExpired;
  }

  expire(): void {
    this.#onExpired();
  }
}
