/**
 * A frame: how every request and reply travels.
 *
 *     byte  0        4               8        10         11      12           16
 *           +--------+---------------+--------+----------+-------+------------+------+---------+
 *           | length | correlationId | apiKey | version  | flags | bodyLength | body | payload |
 *           | u32    | u32           | u16    | u8       | u8    | u32        |      |         |
 *           +--------+---------------+--------+----------+-------+------------+------+---------+
 *                    |<--------------------------- length ---------------------------------->|
 *
 * All numbers are big-endian. `body` is one MessagePack map of `bodyLength` bytes, `payload` the raw bytes from there
 * to the frame's end. A reply repeats correlation id, api key and version of its request.
 */
import { assert } from '@millrace/base';

export const frameHeaderBytes = 12;
/** The length field and the header: what must have arrived before a frame can be judged. */
export const framePrefixBytes = 16;
export const maxFrameBytesBeforeHello = 64 * 1024;
export const defaultMaxFrameBytes = 16 * 1024 * 1024;

export const responseFlag = 1;
/** The body is an error (`WireError`) about the whole request instead of the API's reply. */
export const errorFlag = 2;
export const knownFlags = responseFlag | errorFlag;

export interface FrameHeader {
  readonly correlationId: number;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly flags: number;
}

/** Up to here one copy is cheaper than another write. */
const joinBytes = 16 * 1024;

/** The buffers to send one after the other. Payload above a limit is passed through, not copied. */
export function encodeFrame(
  header: FrameHeader,
  body: Uint8Array,
  payload: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  let payloadBytes = 0;
  for (const part of payload) payloadBytes += part.length;
  const join = payloadBytes <= joinBytes;
  const bodyEnd = framePrefixBytes + body.length;

  const head = Buffer.allocUnsafe(join ? bodyEnd + payloadBytes : bodyEnd);
  writePrefix(head, header, body.length, payloadBytes);
  head.set(body, framePrefixBytes);
  if (!join) return [head, ...payload];

  let position = bodyEnd;
  for (const part of payload) {
    head.set(part, position);
    position += part.length;
  }
  return [head];
}

function writePrefix(head: Buffer, header: FrameHeader, bodyBytes: number, payloadBytes: number): void {
  assert(header.apiVersion <= 0xff && header.apiKey <= 0xffff, 'api key and version must fit the header');
  head.writeUInt32BE(frameHeaderBytes + bodyBytes + payloadBytes, 0);
  head.writeUInt32BE(header.correlationId, 4);
  head.writeUInt16BE(header.apiKey, 8);
  head[10] = header.apiVersion;
  head[11] = header.flags;
  head.writeUInt32BE(bodyBytes, 12);
}
