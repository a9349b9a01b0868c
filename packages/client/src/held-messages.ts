/**
 * One-way messages that wait for a connection to open: the newest, up to a count and a number of bytes. An older one goes
 * for a newer one; the newest stays however large it is.
 */
import type { Connection } from './connection.js';

export interface HeldMessage {
  /** Of the API, for the log. */
  readonly name: string;
  readonly payload: readonly Uint8Array[];
  readonly post: (connection: Connection) => boolean;
}

const maxMessages = 32;
const maxBytes = 1024 * 1024;

export class HeldMessages {
  #messages: HeldMessage[] = [];
  #sizeBytes = 0;

  add(message: HeldMessage): void {
    this.#messages.push(message);
    this.#sizeBytes += sizeOf(message);
    while (this.#messages.length > 1 && (this.#messages.length > maxMessages || this.#sizeBytes > maxBytes)) {
      const [oldest] = this.#messages.splice(0, 1);
      if (oldest !== undefined) this.#sizeBytes -= sizeOf(oldest);
    }
  }

  /** In the order they came. Holds none after that. */
  takeAll(): readonly HeldMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#sizeBytes = 0;
    return messages;
  }
}

function sizeOf({ payload }: HeldMessage): number {
  return payload.reduce((bytes, part) => bytes + part.length, 0);
}
