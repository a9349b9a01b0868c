import {
  type Api,
  type ApiListener,
  decodeError,
  encodeFrame,
  encodeRequest,
  errorByNumber,
  helloApi,
  metadataApi,
  SlabPool,
} from '@millrace/protocol';
import { ManualClock, recordingLogger, recordingMetrics } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { BrokerMetrics } from '../src/broker-metrics.js';
import type { BrokerServices } from '../src/broker-services.js';
import { defaultBrokerSettings } from '../src/broker-settings.js';
import { Connection } from '../src/connection.js';
import { OutputBudget } from '../src/output-budget.js';
import { Dispatcher } from '../src/dispatch.js';
import { dispatchTable } from '../src/handlers/dispatch-table.js';
import { type AnyHandler, handlerOf } from '../src/request.js';
import { FakeSocket } from './fake-socket.js';
import { NodeFixture } from './node-fixture.js';

/** As Metadata, for nodes only. */
const internalApi: Api<unknown, unknown> = {
  ...metadataApi,
  key: 900,
  name: 'Replicate',
  listener: 'internal',
} as never;

function fixture(listener: ApiListener, handler: () => never | { body: unknown }) {
  const clock = new ManualClock();
  const logger = recordingLogger();
  const recorded = recordingMetrics();
  const metrics = new BrokerMetrics(recorded);
  const table: AnyHandler[] = [
    handlerOf(helloApi, (_request, { connection }) => {
      connection.acceptHello();
      return undefined;
    }),
    { api: internalApi, handle: handler },
  ];
  const dispatcher = new Dispatcher({ handlers: table, clock, logger, metrics });
  const socket = new FakeSocket();
  const connection = new Connection({
    id: 1,
    socket,
    listener,
    settings: defaultBrokerSettings,
    clock,
    logger,
    metrics,
    slabs: new SlabPool(),
    outputs: new OutputBudget(defaultBrokerSettings.maxAllOutputBytes),
    onRequest: (from, frame) => dispatcher.dispatch(from, frame),
    onClosed: () => undefined,
  });
  connection.serve();
  connection.acceptHello();
  const send = (apiKey: number): string => {
    const body = encodeRequest(metadataApi, 0, { topics: null, allowAutoCreate: false, includeInternal: true });
    const header = { correlationId: 1, apiKey, apiVersion: 0, flags: 0 };
    socket.handler.onData(Buffer.concat(encodeFrame(header, body)));
    const reply = socket.written.at(-1) ?? new Uint8Array(12);
    return (reply[11]! & 2) === 0 ? 'ok' : JSON.stringify(describeError(reply.subarray(16)));
  };
  return { send, logger, recorded };
}

function describeError(body: Uint8Array): { code: string | undefined; message: string | null } {
  const { error, message } = decodeError(body);
  return { code: errorByNumber(error)?.name, message };
}

describe('what may be asked where', () => {
  test('an API for nodes is refused on the client listener and served on the internal one', () => {
    const client = fixture('client', () => ({ body: null }));
    expect(client.send(internalApi.key)).toContain('CLUSTER_AUTHORIZATION_FAILED');
    const internal = fixture('internal', () => ({ body: null }));
    expect(internal.send(internalApi.key)).toBe('ok');
  });

  test('what no handler serves is refused, even when the protocol knows it', () => {
    const { send } = fixture('client', () => ({ body: null }));
    expect(send(metadataApi.key)).toContain('UNSUPPORTED_VERSION');
  });

  test('Hello lists exactly what has a handler and is for clients', async () => {
    const node = await NodeFixture.start();
    const client = await node.stranger();
    const { apis: listed } = await node.complete(client.hello());
    const handled = dispatchTable({} as BrokerServices).filter(({ api }) => api.listener === 'client');
    const served = [helloApi.key, ...handled.map(({ api }) => api.key)];
    expect(listed.map(({ key }) => key).sort((x, y) => x - y)).toEqual(served.sort((x, y) => x - y));
  });
});

test('an unexpected error is logged whole, and its message does not leave the node', () => {
  const secret = 'cannot read /secret/path';
  const { send, logger, recorded } = fixture('internal', () => {
    throw new TypeError(secret);
  });
  const reply = send(internalApi.key);
  expect(reply).toContain('UNKNOWN_SERVER_ERROR');
  expect(reply).not.toContain(secret);
  expect(logger.lines).toMatchObject([{ level: 'error', fields: { error: secret } }]);
  expect(recorded.value('millrace_request_errors_total', { api: 'unknown', error: 'UNKNOWN_SERVER_ERROR' })).toBe(1);
});
