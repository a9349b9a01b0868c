/** A node that answers as a test says: real frames over the simulated network, and no broker behind them. */
import type { Environment, Listener, Socket } from '@millrace/base';
import {
  apis,
  decodeRequest,
  encodeError,
  encodeFrame,
  encodeResponse,
  errorFlag,
  FrameReader,
  helloApi,
  metadataApi,
  responseFlag,
  servedVersions,
  type Api,
  type Frame,
  type HelloResponse,
  type MetadataResponse,
  type RaftMessageRequest,
} from '@millrace/protocol';

export interface Exchange<Request, Response> {
  readonly body: Request;
  readonly payload: Uint8Array;
  readonly socket: Socket;
  readonly reply: (body: Response, payload?: readonly Uint8Array[]) => void;
  readonly fail: (error: number, message: string) => void;
}

type Handler = (frame: Frame, socket: Socket) => void;

export interface ScriptedServerOptions {
  readonly nodeId?: number;
  readonly port?: number;
  readonly hello?: Partial<HelloResponse>;
}

export class ScriptedServer {
  readonly sockets = new Set<Socket>();
  readonly requests: string[] = [];
  connections = 0;
  readonly #handlers = new Map<number, Handler>();
  #listener: Listener | undefined;

  static async listen(environment: Environment, options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    const nodeId = options.nodeId ?? 1;
    server.on(helloApi, ({ reply }) =>
      reply({
        clusterId: 'cluster-a',
        nodeId,
        softwareVersion: 'test',
        apis: servedVersions('client'),
        maxFrameBytes: 1_000_000,
        maxBatchBytes: 100_000,
        ...options.hello,
      }),
    );
    server.#listener = await environment.network.listen({ host: '0.0.0.0', port: options.port ?? 7400 }, (socket) =>
      server.#accept(socket),
    );
    return server;
  }

  on<Request, Response>(api: Api<Request, Response>, handle: (exchange: Exchange<Request, Response>) => void): void {
    this.#handlers.set(api.key, (frame, socket) => {
      const { correlationId, apiKey, apiVersion } = frame;
      const send = (flags: number, body: Uint8Array, payload: readonly Uint8Array[] = []): void => {
        const header = { correlationId, apiKey, apiVersion, flags: responseFlag | flags };
        for (const buffer of encodeFrame(header, body, payload)) socket.write(buffer);
      };
      handle({
        body: decodeRequest(api, apiVersion, frame.body, frame.payload.length),
        payload: frame.takePayload(),
        socket,
        reply: (body, payload) => send(0, encodeResponse(api, apiVersion, body), payload),
        fail: (error, message) => send(errorFlag, encodeError({ error, message })),
      });
    });
  }

  get port(): number {
    return this.#listener?.address.port ?? 0;
  }

  /** Answers Metadata with this, by now. */
  setMetadata(metadata: MetadataResponse): void {
    this.on(metadataApi, ({ reply }) => reply(metadata));
  }

  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.dropConnections();
    await this.#listener?.close();
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.sockets.add(socket);
    const reader = new FrameReader({
      maxFrameBytes: 2_000_000,
      onFrame: (frame) => {
        this.requests.push(apis.get(frame.apiKey)?.name ?? `api ${frame.apiKey}`);
        this.#handlers.get(frame.apiKey)?.(frame, socket);
      },
      onError: (error) => socket.destroy(error),
    });
    socket.setHandler({
      onData: (chunk) => reader.push(chunk),
      onDrain: () => undefined,
      onClose: () => this.sockets.delete(socket),
    });
  }
}

/** The shortest message that has no reply. */
export const campaign: RaftMessageRequest = {
  message: { type: 'campaign', from: { id: 1, directoryId: 'one' }, to: { id: 2, directoryId: 'two' }, term: 1 },
};

/** One with bytes: a sign of life with this round, and a record of this length. */
export function append(round: number, recordBytes = 0): RaftMessageRequest {
  return {
    message: {
      type: 'append',
      from: { id: 1, directoryId: 'one' },
      to: { id: 2, directoryId: 'two' },
      term: 1,
      previousPosition: 0,
      previousTerm: 0,
      entries: [{ term: 1, kind: 'records', recordBytes: [recordBytes] }],
      commit: 0,
      round,
    },
  };
}

export function metadata(fields: Partial<MetadataResponse> = {}): MetadataResponse {
  return {
    clusterId: 'cluster-a',
    controllerId: 1,
    metadataPosition: 0,
    nodes: [{ nodeId: 1, host: 'node1', port: 7400, rack: null }],
    topics: [],
    ...fields,
  };
}

export const ordersId = 'AAAAAAAAAAAAAAAAAAAAAA';

export function topicEntry(
  name: string,
  partitions: readonly { readonly leader: number; readonly leaderEpoch: number }[],
  fields: Partial<MetadataResponse['topics'][number]> = {},
): MetadataResponse['topics'][number] {
  return {
    error: 0,
    message: null,
    name,
    topicId: ordersId,
    isInternal: false,
    partitions: partitions.map((fieldsOfPartition, partition) => ({
      partition,
      error: 0,
      replicas: [1],
      isr: [1],
      ...fieldsOfPartition,
    })),
    ...fields,
  };
}

export function missingTopic(name: string): MetadataResponse['topics'][number] {
  return { error: 3, message: null, name, topicId: null, isInternal: false, partitions: [] };
}
