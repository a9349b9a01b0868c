/**
 * The plain subset of Java's properties files that Kafka writes: `key=value` lines, `#` begins a comment. No escapes:
 * our values are ids and numbers.
 */
export function encodeProperties(properties: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  return Buffer.from(`#\n${lines.join('\n')}\n`, 'utf8');
}

/** Undefined when a line is neither empty, a comment, nor a property. */
export function decodeProperties(
  bytes: Uint8Array,
  separator: '=' | ':' = '=',
): ReadonlyMap<string, string> | undefined {
  const properties = new Map<string, string>();
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const at = text.indexOf(separator);
    if (at < 1) return undefined;
    properties.set(text.slice(0, at).trim(), text.slice(at + 1).trim());
  }
  return properties;
}
