/**
 * Kafka's text layout for small checkpoints, so that its tools and its users can read ours:
 *
 *     0                 version
 *     2                 number of lines that follow
 *     <line>
 *     <line>
 *
 * Anything else (another version, a count that does not fit, a line that does not parse) makes the whole file
 * useless: the reader says undefined and its caller derives the content anew, for a checkpoint is never the only copy.
 */
const version = '0';

export function encodeCheckpoint(lines: readonly string[]): Uint8Array {
  return Buffer.from([version, String(lines.length), ...lines, ''].join('\n'), 'utf8');
}

/** Undefined when the text is not a whole checkpoint. */
export function decodeCheckpoint<Entry>(
  bytes: Uint8Array,
  parseLine: (line: string) => Entry | undefined,
): Entry[] | undefined {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').split('\n');
  if (lines.pop() !== '' || lines[0] !== version) return undefined;
  if (parseNatural(lines[1] ?? '') !== lines.length - 2) return undefined;
  const entries: Entry[] = [];
  for (const line of lines.slice(2)) {
    const entry = parseLine(line);
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return entries;
}

/** A whole number from 0 to 2^53-1, written the one way `String` writes it. */
export function parseNatural(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
