/**
 * The configuration file: YAML, one setting a line. Keys may be written whole (`retention.ms: 1000`) or nested
 * (`retention:` with `ms: 1000` below it); lists may be YAML lists or text with commas.
 *
 *     node.id: 2
 *     listener:
 *       client: 0.0.0.0:7400
 *     process.roles: [controller, broker]
 */
import { errorCode, errorMessage, type FileSystem, MillraceError } from '@millrace/base';
import type { SourcedSetting } from './settings-source.js';

/** A configuration is a page of text; anything larger is another file. */
const maxFileBytes = 1024 * 1024;

/** Undefined when there is no such file. */
export async function settingsFromFile(
  files: FileSystem,
  path: string,
): Promise<readonly SourcedSetting[] | undefined> {
  const text = readText(files, path);
  if (text === undefined) return undefined;
  // Most nodes start without a file: the parser is loaded for those that have one.
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const problem = document.errors[0];
  if (problem !== undefined) {
    throw invalidFile(`${path}:${lineAt(problem.pos[0])}: This is not YAML: ${problem.message}`);
  }
  const found: SourcedSetting[] = [];
  const collect = (node: unknown, prefix: string, line: number): void => {
    const place = `${path}:${line}`;
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const word = isScalar(key) ? String(key.value) : undefined;
        const keyLine = isScalar(key) && key.range ? lineAt(key.range[0]) : line;
        if (word === undefined) throw invalidFile(`${path}:${keyLine}: A setting's key must be plain text.`);
        collect(value, prefix === '' ? word : `${prefix}.${word}`, keyLine);
      }
    } else if (prefix === '') {
      throw invalidFile(`${place}: The file must hold settings as "key: value" lines.`);
    } else if (isSeq(node)) {
      const words = node.items.map((item) => (isScalar(item) ? String(item.value) : undefined));
      if (words.includes(undefined)) throw invalidFile(`${place}: ${prefix} must be a list of plain words.`);
      found.push({ key: prefix, text: words.join(','), place });
    } else if (isScalar(node)) {
      // The text as written: `007` or `1e3` must not be changed by YAML's idea of numbers.
      const written = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
      found.push({ key: prefix, text: node.value === null ? '' : written, place });
    } else if (node === null) {
      found.push({ key: prefix, text: '', place });
    } else {
      throw invalidFile(`${place}: ${prefix} must be a value, a list or a group of settings.`);
    }
  };
  if (document.contents !== null) collect(document.contents, '', 1);
  return found;
}

function readText(files: FileSystem, path: string): string | undefined {
  try {
    const file = files.open(path, 'read');
    try {
      const sizeBytes = file.sizeBytes();
      if (sizeBytes > maxFileBytes) {
        throw invalidFile(`${path} has ${sizeBytes} bytes: a configuration has at most ${maxFileBytes}.`);
      }
      const bytes = Buffer.alloc(sizeBytes);
      const read = file.readSync(bytes, 0, sizeBytes, 0);
      return bytes.toString('utf8', 0, read);
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new MillraceError('INVALID_CONFIG', `${path} cannot be read: ${errorMessage(error)}.`, { cause: error });
  }
}

function invalidFile(message: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', message);
}
