/**
 * Notices that the process of another node has ended, in milliseconds and without taking a slow node for a dead one.
 *
 *     quiet --a connection of it ended--> looking --nothing listens at its address,
 *       ^                                    |       and it has no connection to us--> gone: told, then quiet
 *       |__ it answers; or looked too often _|
 *
 * The kernel closes the connections of a process that dies, and refuses new ones to where it listened. A process that is
 * stopped, swapped out or busy keeps both; so does one behind a cut network. Those are left to the session timeout.
 * That nothing listens is not enough by itself: an address may be wrong or blocked from here while the node works.
 */
import type { Clock, Timer } from '@millrace/base';
import type { NodeReach } from '@millrace/broker';

export interface NodeWatchOptions {
  readonly clock: Clock;
  /** Opens a connection to the node if there is none; the outcome comes to `noteReach`. */
  readonly connect: (nodeId: number) => void;
  /** Whether the node has a connection to this one. */
  readonly isConnected: (nodeId: number) => boolean;
  readonly onGone: (nodeId: number) => void;
}

/** A process that dies gives up its sockets one after the other. */
const againMs = 20;
/** With the pauses of the channel itself some ten seconds: longer than a node is silent without being fenced. */
const maxLooks = 20;

interface Look {
  count: number;
  timer: Timer | undefined;
}

export class NodeWatch {
  readonly #options: NodeWatchOptions;
  /** By node id. */
  readonly #looks = new Map<number, Look>();
  #isClosed = false;

  constructor(options: NodeWatchOptions) {
    this.#options = options;
  }

  /** Something points to an end of the node's process. */
  look(nodeId: number): void {
    if (this.#isClosed) return;
    if (!this.#looks.has(nodeId)) this.#looks.set(nodeId, { count: 0, timer: undefined });
    this.#lookAgain(nodeId, 0);
  }

  noteReach(nodeId: number, reach: NodeReach): void {
    if (this.#isClosed) return;
    if (reach === 'open') this.#end(nodeId);
    else if (reach === 'lost') this.look(nodeId);
    else if (reach === 'refused' && !this.#options.isConnected(nodeId)) {
      this.#end(nodeId);
      this.#options.onGone(nodeId);
    } else this.#lookAgain(nodeId, againMs);
  }

  close(): void {
    this.#isClosed = true;
    for (const nodeId of [...this.#looks.keys()]) this.#end(nodeId);
  }

  #lookAgain(nodeId: number, afterMs: number): void {
    const look = this.#looks.get(nodeId);
    if (look === undefined || look.timer !== undefined) return;
    look.count += 1;
    if (look.count > maxLooks) {
      this.#end(nodeId);
      return;
    }
    look.timer = this.#options.clock.schedule(afterMs, () => {
      look.timer = undefined;
      this.#options.connect(nodeId);
    });
  }

  #end(nodeId: number): void {
    this.#looks.get(nodeId)?.timer?.cancel();
    this.#looks.delete(nodeId);
  }
}
