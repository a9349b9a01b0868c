/** A server as a child process: started, waited for, measured and ended by its pid. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

const startWaitMs = 60_000;
const stopWaitMs = 15_000;
const ticksPerSecond = 100;

export function hasProgram(name) {
  return spawnSync('which', [name], { stdio: 'ignore' }).status === 0;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a program and waits until the port answers. */
export async function startServer(command, args, { port, env = {} }) {
  // A process group of its own, because some start others and end without them.
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  });
  const kill = (signal) => process.kill(-child.pid, signal);
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  const ended = once(child, 'exit');
  for (const deadlineMs = Date.now() + startWaitMs; !(await answers(port)); await sleep(50)) {
    if (child.exitCode === null && Date.now() < deadlineMs) continue;
    kill('SIGKILL');
    throw new Error(`${command} did not start: ${Buffer.concat(output).toString().slice(-2000)}`);
  }
  return {
    cpuSeconds: () => cpuSecondsOf(child.pid),
    stop: async () => {
      const hard = setTimeout(() => kill('SIGKILL'), stopWaitMs);
      kill('SIGTERM');
      await ended;
      clearTimeout(hard);
    },
  };
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Of the process and all below it: some servers start others. */
function cpuSecondsOf(pid) {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf);
  const below = new Set([pid]);
  for (let size = 0; size < below.size;) {
    size = below.size;
    for (const stat of stats) if (below.has(stat.parent)) below.add(stat.pid);
  }
  return stats.filter((stat) => below.has(stat.pid)).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
}

function statOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return [{ pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
  } catch {
    // It has ended since the folder was read.
    return [];
  }
}
