/** First bytes that other protocols are known by, each with the name that helps the person who mixed up the ports. */
const greetings: readonly (readonly [start: string, protocol: string])[] = [
  ['\x16\x03', 'a TLS handshake'],
  ...['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'TRAC'].map(
    (method) => [method, 'an HTTP request'] as const,
  ),
  ['PRI ', 'an HTTP/2 request'],
  ['HTTP', 'an HTTP reply'],
  ['SSH-', 'an SSH greeting'],
];

/** Names the protocol that the first bytes of a connection belong to; undefined when they are none we know. */
export function otherProtocol(start: Uint8Array): string | undefined {
  const text = Buffer.from(start.buffer, start.byteOffset, start.length).toString('latin1');
  const known = greetings.find(([greeting]) => text.startsWith(greeting));
  return known?.[1] ?? (isKafkaRequest(start) ? 'a Kafka request' : undefined);
}

/** Kafka clients begin with ApiVersions: length, api key 18, a small version. */
function isKafkaRequest(start: Uint8Array): boolean {
  return start[4] === 0 && start[5] === 18 && start[6] === 0 && (start[7] ?? 255) <= 8;
}
