import type { Address } from '@millrace/base';
import type { NodeRole } from '@millrace/controller/image';
import { describe, expect, test } from 'vitest';
import { parseVoters, votersProblem } from '../../src/settings/voters.js';

const internal = { host: '0.0.0.0', port: 7401 };
const three = '1@a:7401,2@b:7401,3@c:7401';

const both: readonly NodeRole[] = ['controller', 'broker'];

function problem(text: string, nodeId = 1, listener: Address | undefined = internal, roles = both, seenAt?: Address) {
  const context = { nodeId, roles, internal: listener, advertisedInternal: seenAt };
  return votersProblem(parseVoters(text.split(',')) ?? [], context);
}

describe('voters', () => {
  test('are id@host:port', () => {
    expect(parseVoters(['1@a:7401', '22@[::1]:7411'])).toMatchObject([
      { id: 1, host: 'a', port: 7401 },
      { id: 22, port: 7411 },
    ]);
    for (const word of ['', 'a:7401', '1@a', '1@:7401', '-1@a:7401', 'x@a:7401', '1@a:70000'])
      expect(parseVoters([word]), word).toBeUndefined();
  });

  test('that fit are taken: this node alone at any port, or several of which it is one', () => {
    expect(problem('1@a:1')).toBeUndefined();
    expect(problem(three)).toBeUndefined();
    expect(problem(three, 3)).toBeUndefined();
  });

  test('need not have a node that is a broker, and must have one that is none', () => {
    expect(problem(three, 4)).toBeUndefined();
    expect(problem(three, 4, internal, ['broker'])).toBeUndefined();
    expect(problem('1@a:7401', 4, internal, ['broker'])).toBeUndefined();
    expect(problem(three, 4, internal, ['controller'])).toContain('node 4 must be one of them');
    expect(problem(three, 3, internal, ['controller'])).toBeUndefined();
    expect(problem(three, 3, internal, ['broker'])).toContain('voters are controllers');
  });

  test.each([
    ['1@a:7401,2@b:7401,1@c:7401', 1, internal, 'node 1 is named twice'],
    ['1@a:7401,2@a:7401', 1, internal, 'two of them have the address a:7401'],
    ['1@a:7401,2@b:0', 1, internal, 'node 2 needs a port'],
    [three, 1, { host: 'a', port: 7411 }, 'its listener.internal is port 7411'],
    [Array.from({ length: 10 }, (_, i) => `${i + 1}@h${i}:7401`).join(','), 1, internal, 'at most 9'],
  ])('%s for node %i is refused', (text, nodeId, listener, reason) => {
    expect(problem(text, nodeId, listener)).toContain(reason);
  });

  test('are where a node is reached, which need not be where it listens', () => {
    const listener = { host: '0.0.0.0', port: 9000 };
    expect(problem(three, 1, listener, both, { host: 'a', port: 7401 })).toBeUndefined();
    expect(problem(three, 1, internal, both, { host: 'a', port: 9001 })).toContain(
      'its advertised.internal is port 9001',
    );
  });

  test('need a listener for nodes', () => {
    const context = { nodeId: 1, roles: both, internal: undefined, advertisedInternal: undefined };
    expect(votersProblem(parseVoters(three.split(',')) ?? [], context)).toContain('listener.internal');
  });
});
