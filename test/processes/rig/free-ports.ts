/**
 * Ports for nodes that are stopped and started again on the same ones. They lie below the range from which the kernel
 * takes the ports of outgoing connections, so that none of those sits on a port while its node is down.
 */
import { createServer } from 'node:net';
import { once } from 'node:events';

const lowest = 10_000;
const highest = 30_000;

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const isListening = await Promise.race([
    once(server, 'listening').then(() => true),
    once(server, 'error').then(() => false),
  ]);
  if (!isListening) return false;
  server.close();
  await once(server, 'close');
  return true;
}
