import type { RaftMessage } from '../messages.js';

/**
 * Carries messages between replicas of one cluster. It may lose, double, delay and reorder them; it leaves them whole, and
 * lets in only messages of the shape that `messages.ts` gives, from nodes of the same cluster.
 */
export interface RaftTransport {
  /**
   * Sends, or drops when `to` cannot be reached or too much waits for it. Never throws or blocks, and never calls
   * `onMessage` before it returns: the driver is in the middle of a step.
   */
  send(to: number, message: RaftMessage): void;
  /** Set by the driver; called with each message that arrives. */
  onMessage: ((message: RaftMessage) => void) | undefined;
}
