import {
  type Address,
  completion,
  type Completion,
  type Environment,
  MillraceError,
  type Socket,
} from '@millrace/base';
import {
  type Api,
  decodeError,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  errorFlag,
  errorFromWire,
  type Frame,
  FrameReader,
  helloApi,
  type HelloResponse,
  SlabPool,
} from '@millrace/protocol';

export interface RawReply<Body> {
  readonly body: Body;
  readonly payload: Buffer;
}

/** Speaks the protocol frame by frame and nothing more: no retries, no waiting in line, no rules. */
export class RawClient {
  readonly socket: Socket;
  readonly #waiting = new Map<number, Completion<Frame & { copy: Buffer }>>();
  /** Replies to correlation ids that nobody waits for. */
  readonly unasked: { correlationId: number; error: string | undefined }[] = [];
  readonly closed = completion<Error | undefined>();
  receivedBytes = 0;
  #nextId = 1;

  private constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader({
      maxFrameBytes: 64 * 1024 * 1024,
      slabs: new SlabPool(),
      onFrame: (frame) => this.#receive(frame),
      onError: (error) => socket.destroy(error),
    });
    socket.setHandler({
      onData: (chunk) => {
        this.receivedBytes += chunk.length;
        reader.push(chunk);
      },
      onDrain: () => undefined,
      onClose: (error) => {
        this.closed.resolve(error);
        for (const { reject } of this.#waiting.values()) reject(new MillraceError('NETWORK_EXCEPTION', 'closed'));
        this.#waiting.clear();
      },
    });
  }

  /** Connected, and nothing said yet. */
  static async connect(environment: Pick<Environment, 'network'>, address: Address): Promise<RawClient> {
    return new RawClient(await environment.network.connect(address));
  }

  /** Connected and greeted. */
  static async open(environment: Pick<Environment, 'network'>, address: Address): Promise<RawClient> {
    const client = await RawClient.connect(environment, address);
    await client.hello();
    return client;
  }

  async hello(clusterId: string | null = null): Promise<HelloResponse> {
    const request = { softwareName: 'raw', softwareVersion: '0', clusterId, node: null };
    return (await this.call(helloApi, request)).body;
  }

  /** Sends a request and returns the promise of its reply, which rejects with the error of the reply. */
  async call<Request, Response>(
    api: Api<Request, Response>,
    body: Request,
    payload: readonly Uint8Array[] = [],
  ): Promise<RawReply<Response>> {
    const correlationId = this.send(api, body, payload);
    const waiting = completion<Frame & { copy: Buffer }>();
    this.#waiting.set(correlationId, waiting);
    const frame = await waiting.promise;
    return { body: decodeResponse(api, 0, frame.body), payload: frame.copy };
  }

  /** As `call`, and nobody waits for the reply. */
  send<Request>(api: Api<Request, unknown>, body: Request, payload: readonly Uint8Array[] = []): number {
    const correlationId = this.#nextId++;
    const header = { correlationId, apiKey: api.key, apiVersion: 0, flags: 0 };
    for (const piece of encodeFrame(header, encodeRequest(api, 0, body), payload)) this.socket.write(piece);
    return correlationId;
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(frame: Frame): void {
    const waiting = this.#waiting.get(frame.correlationId);
    const isError = (frame.flags & errorFlag) !== 0;
    const error = isError ? errorFromWire(decodeError(frame.body), 'reply') : undefined;
    if (waiting === undefined) {
      this.unasked.push({ correlationId: frame.correlationId, error: error?.code });
      return;
    }
    this.#waiting.delete(frame.correlationId);
    if (error !== undefined) waiting.reject(error);
    else {
      const { correlationId, apiKey, apiVersion, flags } = frame;
      const body = Uint8Array.from(frame.body);
      const copy = Buffer.from(frame.payload);
      waiting.resolve({
        correlationId,
        apiKey,
        apiVersion,
        flags,
        body,
        payload: copy,
        copy,
        memory: undefined,
        takePayload: () => copy,
        giveBackPayload: () => undefined,
      });
    }
  }
}
