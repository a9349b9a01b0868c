/**
 * Ordered byte streams between nodes and clients.
 *
 * Bytes of one socket arrive in order, in chunks of any size, or the socket closes: nothing else is promised. A write
 * that was accepted may never arrive.
 */
export interface Network {
  /** Rejects with `EADDRINUSE`, `EACCES` or `EADDRNOTAVAIL`. Port 0 picks a free port. */
  listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener>;
  /** Rejects with `ECONNREFUSED`, `ETIMEDOUT`, `ENOTFOUND`, or the signal's reason when aborted. */
  connect(address: Address, signal?: AbortSignal): Promise<Socket>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** The bound address, with the real port. */
  readonly address: Address;
  /** Stops accepting; accepted sockets live on. */
  close(): Promise<void>;
}

export interface SocketHandler {
  /** `chunk` is valid only during this call: its memory is used again for the next read. Copy what must be kept. */
  onData(chunk: Uint8Array): void;
  /**
   * Where the next bytes should go, to save a copy: `onData` then gets a view of just that memory. A socket need not
   * ask; one that does keeps the memory until its next `onData`, or for good when it closes. Undefined: no preference.
   */
  readInto?(): Uint8Array | undefined;
  /** `bufferedBytes` fell to 0 after a `write` that returned false. */
  onDrain(): void;
  /** Called once, last. `error` is set unless the peer or we ended the stream in order. */
  onClose(error: Error | undefined): void;
}

export interface Socket {
  readonly remote: Address;
  /** Must be called in the turn in which the socket was received; no event comes before it. */
  setHandler(handler: SocketHandler): void;
  /**
   * Queues bytes to send. The buffer belongs to the socket until the bytes have left: do not change it before
   * `bufferedBytes` has fallen to 0 or the socket closed. Writes of one event-loop turn are sent together.
   * Returns false when more than the high-water mark is queued: stop and wait for `onDrain`. After `end`, `destroy` or
   * the close, bytes are dropped and true is returned: there is no drain to wait for, only `onClose`.
   */
  write(bytes: Uint8Array): boolean;
  readonly bufferedBytes: number;
  /** Stops `onData` until `resume`: back pressure that reaches the peer. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes; what the peer still sends is dropped. The peer's end of stream ends this side too. */
  end(): void;
  /** Closes at once and drops what is queued; `error` comes back in `onClose`. */
  destroy(error?: Error): void;
}

/** Parses `host:port`, `[v6]:port`. Returns undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535) return undefined;
  return { host, port };
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
