import { afterEach, describe, expect, test } from 'vitest';
import { type HttpListener, openHttpListener } from '../../src/http/http-listener.js';

const open: HttpListener[] = [];

async function listener(problems: () => readonly string[] = () => []): Promise<string> {
  const opened = await openHttpListener({
    address: { host: '127.0.0.1', port: 0 },
    problems,
    metrics: () => [
      { name: 'millrace_up', help: 'Up.', type: 'gauge', samples: [{ suffix: '', labels: {}, value: 1 }] },
    ],
  });
  open.push(opened);
  return `http://127.0.0.1:${opened.address.port}`;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((opened) => opened.close()));
});

describe('health', () => {
  test('live is 200 whatever the node is doing', async () => {
    const base = await listener(() => ['the node is starting']);
    expect((await fetch(`${base}/health/live`)).status).toBe(200);
  });

  test('ready is 503 with the reasons until there are none', async () => {
    const reasons = ['the node is starting'];
    const base = await listener(() => reasons);
    const before = await fetch(`${base}/health/ready`);
    expect([before.status, await before.json()]).toEqual([503, { status: 'not ready', reasons }]);
    reasons.pop();
    const after = await fetch(`${base}/health/ready`);
    expect([after.status, await after.json()]).toEqual([200, { status: 'ready', reasons: [] }]);
  });
});

test('metrics come with the content type that scrapers expect', async () => {
  const response = await fetch(`${await listener()}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await response.text()).toContain('\nmillrace_up 1\n');
});

test.each(['/', '/etc/passwd', '/health/../../x', '/metrics/__proto__'])('%s is not found', async (path) => {
  const response = await fetch((await listener()) + path);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('/health/live');
});

test('a port in use is refused with the address and the setting', async () => {
  const port = Number(new URL(await listener()).port);
  const second = openHttpListener({
    address: { host: '127.0.0.1', port },
    problems: () => [],
    metrics: () => [],
  });
  await expect(second).rejects.toMatchObject({
    code: 'ADDRESS_IN_USE',
    message: expect.stringMatching(`127.0.0.1:${port} is in use.*listener.http`) as string,
  });
});
