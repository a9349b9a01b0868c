import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { encodeFrame, encodeRequest, helloApi } from '@millrace/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../pause.js';
import { host } from './host.js';
import { LinkProxies } from './link-proxies.js';

const directoryId = '00000000-0000-4000-8000-000000000000';

/** What a node sends first. */
function helloOf(nodeId: number): Uint8Array {
  const node = { nodeId, clusterId: null, directoryId, incarnationId: directoryId };
  const hello = { softwareName: 'test', softwareVersion: '1.0.0', clusterId: null, node };
  const header = { correlationId: 1, apiKey: helloApi.key, apiVersion: 0, flags: 0 };
  return Buffer.concat(encodeFrame(header, encodeRequest(helloApi, 0, hello)));
}

/** A connection through a proxy, and the texts that came back on it. */
class Wire {
  readonly socket: Socket;
  text = '';
  hasEnded = false;

  constructor(address: string, first: Uint8Array = new Uint8Array()) {
    this.socket = connect({ port: Number(address.split(':')[1]), host: '127.0.0.1' });
    this.socket.setEncoding('latin1').on('data', (text: string) => (this.text += text));
    this.socket.on('end', () => (this.hasEnded = true));
    this.socket.on('error', () => undefined);
    this.socket.write(first);
  }

  /** Resolves when the echo of `text` has come. */
  async echo(text: string): Promise<void> {
    this.socket.write(text);
    await this.comes(text);
  }

  async comes(text: string): Promise<void> {
    await until(() => this.text.endsWith(text), { evidence: () => `${this.text}, waiting for ${text}` });
  }
}

let proxies: LinkProxies;
/** In the place of the listeners of node 2. */
let servers: Server[];
let heard: string;
const wires: Wire[] = [];

beforeEach(async () => {
  proxies = await LinkProxies.open([1, 2, 3], 'test');
  heard = '';
  const { internal, client } = proxies.place('');
  servers = [internal(2), client(2)].map((address) =>
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        heard += bytes.toString('latin1');
        socket.write(bytes);
      });
    }).listen(Number(address.split(':')[1]), '127.0.0.1'),
  );
  await Promise.all(servers.map((server) => once(server, 'listening')));
});

afterEach(() => {
  for (const { socket } of wires.splice(0)) socket.destroy();
  for (const server of servers) server.close();
  proxies[Symbol.dispose]();
});

function wireFrom(nodeId: number): Wire {
  const { internalSeenFrom, advertisedClient } = proxies.place('');
  const isHost = nodeId === host;
  const wire = isHost ? new Wire(advertisedClient?.(2) ?? '') : new Wire(internalSeenFrom(1, 2), helloOf(nodeId));
  wires.push(wire);
  return wire;
}

test('a cut holds back one direction of the wires of one pair, and healing lets it through in order', async () => {
  const [one, three, client] = [wireFrom(1), wireFrom(3), wireFrom(host)];
  for (const wire of [one, three, client]) await wire.echo('before');
  proxies.cut(1, 2);
  one.socket.write('held-1 ');
  for (let round = 0; round < 20; round += 1) for (const wire of [three, client]) await wire.echo(`round-${round}`);
  one.socket.write('held-2');
  await three.echo('after');
  expect(heard).not.toContain('held');
  proxies.heal();
  await one.comes('held-1 held-2');
});

test('the other direction holds back the replies, not the requests', async () => {
  const [one, three] = [wireFrom(1), wireFrom(3)];
  for (const wire of [one, three]) await wire.echo('before');
  proxies.cut(2, 1);
  one.socket.write('asked');
  await until(() => heard.includes('asked'), { evidence: () => heard });
  await three.echo('after');
  expect(one.text).not.toContain('asked');
  proxies.heal();
  await one.comes('asked');
});

test('a connection that begins during a cut is silent until it is healed, and an end waits too', async () => {
  proxies.cut(1, 2);
  const [one, three] = [wireFrom(1), wireFrom(3)];
  one.socket.end('late');
  for (let round = 0; round < 20; round += 1) await three.echo(`round-${round}`);
  expect(heard).not.toContain('late');
  expect(one.hasEnded).toBe(false);
  proxies.heal();
  await one.comes('late');
  await until(() => one.hasEnded, { evidence: () => one.text });
});

test('a listener that is not there closes the connection', async () => {
  const wire = new Wire(proxies.place('').internalSeenFrom(1, 3), helloOf(1));
  wires.push(wire);
  await once(wire.socket, 'close');
  expect(wire.text).toBe('');
});
