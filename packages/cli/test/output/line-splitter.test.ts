import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from '../../src/output/line-splitter.js';

function linesOf(chunks: readonly Buffer[], maxLineBytes = 1000): string[] {
  const splitter = new LineSplitter(maxLineBytes);
  const lines: string[] = [];
  for (const chunk of chunks) for (const line of splitter.push(chunk)) lines.push(line.toString('latin1'));
  const last = splitter.end();
  if (last !== undefined) lines.push(last.toString('latin1'));
  return lines;
}

test('however a text is cut into chunks, its lines are the same', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\r', 'é'), maxLength: 200 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(200), { maxLength: 20 }), (input, cuts) => {
      const bytes = Buffer.from(input, 'latin1');
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      const expected = input.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(linesOf(chunks)).toEqual(expected);
    }),
  );
});

test('an empty line is a line, the end of the text after a line feed is not', () => {
  expect(linesOf([Buffer.from('\n\na\n')])).toEqual(['', '', 'a']);
  expect(linesOf([Buffer.from('')])).toEqual([]);
});

test('a line beyond the bound is refused by number before it is held', () => {
  const splitter = new LineSplitter(10);
  expect([...splitter.push(Buffer.from('short\n0123456789'))]).toHaveLength(1);
  expect(() => [...splitter.push(Buffer.from('x'))]).toThrow(/Line 2 is longer than 10 bytes/);
  expect(() => [...new LineSplitter(3).push(Buffer.from('abcd\n'))]).toThrow(/longer than 3 bytes/);
});
