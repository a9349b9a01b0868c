/**
 * Why other nodes do not let this one in. A refusal may pass: an operator corrects the other node, the connections of a
 * machine that lost its power time out. One that lasts is a mistake that waiting does not mend.
 */
import { type Clock, completion, MillraceError, type Timer } from '@millrace/base';
import type { NodeReach } from '@millrace/broker';

const mistakes: ReadonlySet<string> = new Set([
  'DUPLICATE_BROKER_REGISTRATION',
  'INCONSISTENT_CLUSTER_ID',
  'INCONSISTENT_VOTER_SET',
]);

export interface JoinRefusalsOptions {
  readonly clock: Clock;
  /** How long a refusal may last. */
  readonly patienceMs: number;
}

export class JoinRefusals {
  readonly #options: JoinRefusalsOptions;
  /** By the node that refuses, oldest first. */
  readonly #refusals = new Map<number, { readonly error: MillraceError; readonly timer: Timer }>();
  readonly #lasting = completion<never>();

  constructor(options: JoinRefusalsOptions) {
    this.#options = options;
    this.#lasting.promise.catch(() => undefined);
  }

  /** Rejects when a node has refused this one for too long. */
  get lasting(): Promise<never> {
    return this.#lasting.promise;
  }

  /** What a node says now; undefined: none refuses. */
  get latest(): MillraceError | undefined {
    return [...this.#refusals.values()].at(-1)?.error;
  }

  noteReach(nodeId: number, reach: NodeReach, refusal: MillraceError | undefined): void {
    const known = this.#refusals.get(nodeId);
    if (refusal === undefined || !mistakes.has(refusal.code)) {
      // A node that cannot be reached has not changed its mind.
      if (reach !== 'open') return;
      known?.timer.cancel();
      this.#refusals.delete(nodeId);
      return;
    }
    if (known?.error.code === refusal.code) return;
    known?.timer.cancel();
    const { clock, patienceMs } = this.#options;
    const timer = clock.schedule(patienceMs, () => this.#lasting.reject(final(refusal)));
    this.#refusals.set(nodeId, { error: final(refusal), timer });
  }

  close(): void {
    for (const { timer } of this.#refusals.values()) timer.cancel();
    this.#refusals.clear();
  }
}

/** The start ends with it: nobody is to try again. */
function final({ code, message, cause }: MillraceError): MillraceError {
  return new MillraceError(code, message, { cause });
}
