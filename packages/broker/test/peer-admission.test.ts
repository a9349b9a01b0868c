import type { NodeCredentials } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { type PeerAdmission, peerRefusal } from '../src/peer-admission.js';

const peer: NodeCredentials = {
  nodeId: 3,
  clusterId: 'cluster-a',
  directoryId: 'third',
  incarnationId: 'first',
  voterIds: [1, 2, 3],
};

function refusal(change: Partial<NodeCredentials>, here: Partial<PeerAdmission> = {}): string | undefined {
  const admission = { nodeId: 1, clusterId: 'cluster-a', voterIds: [3, 2, 1], connected: [], sessionTimeoutMs: 3000 };
  return peerRefusal({ ...peer, ...change }, { ...admission, ...here })?.code;
}

test('a node that nobody else is, is let in, and so is its next process on the same directory', () => {
  expect(refusal({})).toBeUndefined();
  const connected = [{ node: peer, quietMs: 0 }];
  expect(refusal({ incarnationId: 'second' }, { connected })).toBeUndefined();
});

test('a second process under the id of one that is heard is refused when it has a directory of its own', () => {
  const twin = { directoryId: 'other', incarnationId: 'twin' };
  expect(refusal(twin, { connected: [{ node: peer, quietMs: 2999 }] })).toBe('DUPLICATE_BROKER_REGISTRATION');
  expect(refusal(twin, { connected: [{ node: peer, quietMs: 3000 }] })).toBeUndefined();
  expect(refusal({ ...twin, nodeId: 2 }, { connected: [{ node: peer, quietMs: 0 }] })).toBeUndefined();
  expect(refusal({ ...twin, nodeId: 1 })).toBe('DUPLICATE_BROKER_REGISTRATION');
});

test('lists of voters that differ are refused until both sides are in the cluster', () => {
  const voterIds = [1, 2, 4];
  expect(refusal({ voterIds })).toBeUndefined();
  expect(refusal({ voterIds, clusterId: null })).toBe('INCONSISTENT_VOTER_SET');
  expect(refusal({ voterIds }, { clusterId: null })).toBe('INCONSISTENT_VOTER_SET');
  expect(refusal({ clusterId: null }, { clusterId: null })).toBeUndefined();
});

test('a node that is a cluster of its own is joined by nobody', () => {
  expect(refusal({ clusterId: null }, { voterIds: undefined })).toBe('INCONSISTENT_VOTER_SET');
});
