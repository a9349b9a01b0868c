import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import ts from 'typescript';
import { NodeFileSystem } from '../../src/node/index.js';

/** Asked with a path, a child takes the lock and keeps it; it answers `locked` or the error's message. */
const childProgram = `
  import { lockFile } from './node/file-lock.js';
  process.on('message', (path) => {
    try {
      lockFile(path);
      process.send('locked');
    } catch (error) {
      process.send(error.code + ': ' + error.message);
    }
  });
  process.send('ready');
`;

let program: string;
let directory: string;
let path: string;
let children: ChildProcess[] = [];

beforeAll(() => {
  program = mkdtempSync(join(tmpdir(), 'millrace-lock-program-'));
  writeFileSync(join(program, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(program, 'child.js'), childProgram);
  for (const file of ['node/file-lock', 'node/lock-holder', 'errors']) {
    const source = readFileSync(new URL(`../../src/${file}.ts`, import.meta.url), 'utf8');
    const target = join(program, `${file}.js`);
    mkdirSync(dirname(target), { recursive: true });
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    writeFileSync(target, ts.transpileModule(source, { compilerOptions }).outputText);
  }
});

afterAll(() => {
  rmSync(program, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
  path = join(directory, '.lock');
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  rmSync(directory, { recursive: true });
});

async function startChild(): Promise<ChildProcess> {
  const child = fork(join(program, 'child.js'), { execArgv: [] });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function askForLock(child: ChildProcess): Promise<string> {
  const answer = once(child, 'message') as Promise<[string]>;
  child.send(path);
  return (await answer)[0];
}

function lock(): string {
  try {
    new NodeFileSystem().lock(path);
    return 'locked';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the lock of a data directory', () => {
  test('is refused while another process lives, naming it, and taken over after kill -9', async () => {
    const child = await startChild();
    expect(await askForLock(child)).toBe('locked');
    expect(lock()).toMatch(new RegExp(`in use by process ${child.pid} on .*Stop that process, or give this node`));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(lock()).toBe('locked');
    expect(await askForLock(await startChild())).toMatch(
      new RegExp(`^DATA_DIRECTORY_LOCKED: .* process ${process.pid} `),
    );
  });

  test('of a dead process goes to exactly one of many that want it at once', async () => {
    const rivals = await Promise.all(Array.from({ length: 4 }, startChild));
    for (let round = 0; round < 10; round += 1) {
      writeFileSync(path, `{ "pid": 4194304, "started": "gone", "host": "${hostname()}", "round": ${round} }`);
      const answers = await Promise.all(rivals.map(askForLock));
      expect(answers.filter((answer) => answer === 'locked').length, answers.join('\n')).toBe(1);
      expect(readdirSync(directory)).toEqual(['.lock']);
      rmSync(path);
    }
  });

  test('is stale when the process id lives again in another process', () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, started: 'another boot 1', host: hostname() }));
    expect(lock()).toBe('locked');
  });

  test('of a holder that cannot be seen from here is refused, says what to do, and stays', () => {
    const text = JSON.stringify({ pid: 7, started: 'another-boot 1', host: 'elsewhere', pidNamespace: 'pid:[1]' });
    writeFileSync(path, text);
    expect(lock()).toBe(
      'The data directory is locked by process 7 on elsewhere, another container or machine, and from here nobody can ' +
        'tell whether that node still runs. If it does, give this node a data directory of its own. If it is gone for ' +
        `certain, delete ${path} and start again.`,
    );
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(readdirSync(directory)).toEqual(['.lock']);
  });

  test.each(['', 'gar', '{"pid":', 'null', '[]', '{"pid":-1}', '{"pid":"1"}', '\0'.repeat(100)])(
    'cut by a power failure to %j is taken over',
    (content) => {
      writeFileSync(path, content);
      expect(lock()).toBe('locked');
    },
  );

  test('leaves only its file behind, and nothing after its release', () => {
    const held = new NodeFileSystem().lock(path);
    expect(lock()).toMatch(/DATA_DIRECTORY|in use/);
    expect(readdirSync(directory)).toEqual(['.lock']);
    held.release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('removed by hand and taken by another is not released by its old holder', () => {
    const files = new NodeFileSystem();
    const first = files.lock(path);
    rmSync(path);
    files.lock(path);
    first.release();
    expect(readdirSync(directory)).toEqual(['.lock']);
  });

  test('in a directory that is not there tells the system error', () => {
    expect(() => new NodeFileSystem().lock(join(directory, 'missing', '.lock'))).toThrow(/ENOENT/);
  });
});
