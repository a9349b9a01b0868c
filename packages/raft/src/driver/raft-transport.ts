import type { RaftMessage } from '../messages.js';

/** Carries messages between replicas. Promises nothing but to leave them whole. */
export interface RaftTransport {
  /** Sends, or drops when `to` cannot be reached or too much waits for it. Never throws, never blocks. */
  send(to: number, message: RaftMessage): void;
  /** Set by the driver; called with each message that arrives. */
  onMessage: ((message: RaftMessage) => void) | undefined;
}
