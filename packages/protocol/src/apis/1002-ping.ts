/**
 * Ping: asks whether the peer is still there and reads. Answered at once, also by a node that is busy, fenced or not in
 * a cluster yet; without it, a peer that was cut off or stopped looks like one that is slow.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';

const request = z.object({});

const response = z.object({});

export const pingApi = defineApi({
  key: 1002,
  name: 'Ping',
  text: 'Asks for a sign of life.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type PingRequest = RequestOf<typeof pingApi>;
export type PingResponse = ResponseOf<typeof pingApi>;
