import type { Socket, SocketHandler } from '@millrace/base';

/** A socket whose peer takes bytes only when the test says so. */
export class FakeSocket implements Socket {
  readonly remote = { host: '192.0.2.1', port: 50_000 };
  readonly highWaterMarkBytes: number;
  /** All that was written, and how much of it the peer has taken. */
  readonly written: Uint8Array[] = [];
  bufferedBytes = 0;
  isPaused = false;
  ended: 'end' | 'destroy' | undefined;
  handler!: SocketHandler;
  #owesDrain = false;

  constructor(highWaterMarkBytes = 1024) {
    this.highWaterMarkBytes = highWaterMarkBytes;
  }

  setHandler(handler: SocketHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.written.push(Uint8Array.from(bytes));
    this.bufferedBytes += bytes.length;
    if (this.bufferedBytes <= this.highWaterMarkBytes) return true;
    this.#owesDrain = true;
    return false;
  }

  /** The peer reads so many bytes. */
  take(bytes = this.bufferedBytes): void {
    this.bufferedBytes -= bytes;
    if (this.bufferedBytes > 0 || !this.#owesDrain) return;
    this.#owesDrain = false;
    this.handler.onDrain();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.ended ??= 'end';
  }

  destroy(): void {
    this.ended = 'destroy';
    this.handler.onClose(undefined);
  }
}
