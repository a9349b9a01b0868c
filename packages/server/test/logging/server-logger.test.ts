import { describe, expect, test } from 'vitest';
import { serverLogger } from '../../src/logging/server-logger.js';

function collector() {
  const lines: string[] = [];
  return { lines, write: (line: string) => lines.push(line) };
}

describe('the server’s logger', () => {
  test('json lines hold time, level, fields and message', async () => {
    const destination = collector();
    const logger = await serverLogger({ level: 'info', format: 'json', destination });
    logger.child({ nodeId: 1 }).warn('partition is offline', { partition: 'a-0', error: 'EIO' });
    logger.debug('not written');
    expect(destination.lines).toHaveLength(1);
    expect(JSON.parse(destination.lines[0]!)).toMatchObject({
      level: 'warn',
      nodeId: 1,
      partition: 'a-0',
      error: 'EIO',
      msg: 'partition is offline',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    });
  });

  test('pretty lines are one line each, for people', async () => {
    const destination = collector();
    const logger = await serverLogger({ level: 'debug', format: 'pretty', destination });
    logger.info('broker serves', { client: '127.0.0.1:7400' });
    expect(destination.lines).toHaveLength(1);
    expect(destination.lines[0]).toMatch(/INFO.*broker serves.*127\.0\.0\.1:7400.*\n$/);
  });

  test('bytes of a peer cannot forge a line', async () => {
    const destination = collector();
    const logger = await serverLogger({ level: 'info', format: 'json', destination });
    logger.info('bad name', { name: 'x\n{"level":"error"}\u001b[31m' });
    expect(destination.lines).toHaveLength(1);
    expect(destination.lines[0]!.trimEnd()).not.toContain('\n');
    expect(destination.lines[0]).not.toContain('\u001b');
  });

  test('silent writes nothing', async () => {
    const destination = collector();
    const logger = await serverLogger({ level: 'silent', format: 'json', destination });
    logger.error('lost');
    expect(destination.lines).toEqual([]);
  });
});
