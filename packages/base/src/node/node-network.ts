import { connect, createServer, Socket as RawSocket, type OnReadOpts, type Server } from 'node:net';
import type { Address, Listener, Network, Socket } from '../environment/network.js';
import { silentLogger, type Logger } from '../environment/logger.js';
import { errorMessage } from '../errors.js';
import { NodeSocket } from './node-socket.js';

export interface NodeNetworkOptions {
  /** `write` returns false when more than this is queued. */
  readonly highWaterMarkBytes?: number;
  readonly logger?: Logger;
}

/** Large enough for several batches in one read, small enough to stay in the second-level cache. */
const readBufferBytes = 256 * 1024;

const keepAliveInitialDelayMs = 30_000;

/** TCP sockets of the operating system. Errors keep the system's code. */
export class NodeNetwork implements Network {
  readonly #highWaterMarkBytes: number;
  readonly #logger: Logger;
  /**
   * One buffer for all sockets: on POSIX the kernel fills it and the data callback runs before any other read starts.
   * On Windows a read is under way all the time, so there each socket has its own. Not a `Buffer`, whose `slice` would
   * give a view where the receiver wants a copy.
   */
  readonly #sharedReadBuffer = process.platform === 'win32' ? undefined : new Uint8Array(readBufferBytes);

  constructor(options: NodeNetworkOptions = {}) {
    this.#highWaterMarkBytes = options.highWaterMarkBytes ?? 1024 * 1024;
    this.#logger = options.logger ?? silentLogger;
  }

  listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener> {
    const server = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveInitialDelayMs,
        pauseOnConnect: true,
      },
      (accepted) => {
        const socket = this.#accept(accepted);
        onConnection(socket);
      },
    );
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off('error', reject);
        server.on('error', (error) => {
          // Out of file descriptors, for instance: this connection is lost, the listener lives on.
          this.#logger.warn('Accepting a connection failed', { error: errorMessage(error) });
        });
        resolve(listenerOf(server));
      });
    });
  }

  connect(address: Address, signal?: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const reader = this.#reader();
      const raw = connect({
        host: address.host,
        port: address.port,
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveInitialDelayMs,
        onread: reader.onread,
      });
      const abort = (): void => {
        raw.off('error', fail);
        raw.on('error', () => undefined);
        raw.destroy();
        reject(signal?.reason as Error);
      };
      const fail = (error: Error): void => {
        signal?.removeEventListener('abort', abort);
        // Several addresses of one name were tried: the first error stands for all, with its text and code.
        reject(error instanceof AggregateError ? (error.errors[0] as Error) : error);
      };
      raw.once('error', fail);
      raw.once('connect', () => {
        signal?.removeEventListener('abort', abort);
        raw.off('error', fail);
        reader.socket = new NodeSocket(raw, this.#highWaterMarkBytes);
        resolve(reader.socket);
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * `net.Server` cannot make sockets that read into a given buffer, so the connection is moved to a socket that does.
   * That needs the stream handle, which Node does not document: where it is not as expected, `data` events do the work.
   */
  #accept(accepted: RawSocket): NodeSocket {
    const holder = accepted as unknown as { _handle: unknown };
    const handle = holder._handle;
    const takesBuffer = typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
    if (!takesBuffer) {
      const socket = new NodeSocket(accepted, this.#highWaterMarkBytes);
      accepted.on('data', (chunk) => {
        socket.receive(chunk);
      });
      accepted.resume();
      return socket;
    }
    holder._handle = null;
    const reader = this.#reader();
    const raw = new RawSocket({ handle, allowHalfOpen: true, onread: reader.onread } as object);
    reader.socket = new NodeSocket(raw, this.#highWaterMarkBytes);
    return reader.socket;
  }

  #reader(): { socket: NodeSocket | undefined; readonly onread: OnReadOpts } {
    const shared = this.#sharedReadBuffer ?? new Uint8Array(readBufferBytes);
    let current: Uint8Array = shared;
    const reader = {
      socket: undefined as NodeSocket | undefined,
      onread: {
        // Asked for after each read, and once before the first.
        buffer: (): Uint8Array => {
          current = reader.socket?.nextReadBuffer(shared) ?? shared;
          return current;
        },
        callback: (bytesRead: number): boolean => {
          reader.socket?.receive(current.subarray(0, bytesRead));
          return true;
        },
      },
    };
    return reader;
  }
}

function listenerOf(server: Server): Listener {
  const bound = server.address();
  const address = typeof bound === 'object' && bound !== null ? { host: bound.address, port: bound.port } : undefined;
  return {
    address: address ?? { host: '', port: 0 },
    close: () =>
      new Promise((resolve) => {
        // The callback of close() would wait for the accepted sockets, which live on.
        server.close();
        setImmediate(resolve);
      }),
  };
}
