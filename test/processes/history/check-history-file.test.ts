/** The judge of the process tests must see what they are there to find: each promise broken once, in a history by hand. */
import { expect, test } from 'vitest';
import { judge } from './check-history-file.js';
import type { Happening, HistoryLine } from './history-file.js';

const where = { topic: 'ledger', partition: 0 } as const;

function lines(...happenings: readonly (Happening & { readonly process: string })[]): HistoryLine[] {
  return happenings.map((happening, index) => ({ t: 10 * index, ...happening }));
}

function invoke(value: string, process = 'producer-0') {
  return { process, kind: 'invoke', f: 'send', ...where, value } as const;
}

function ok(value: string, offset: number, process = 'producer-0') {
  return { process, kind: 'ok', f: 'send', value, offset } as const;
}

function drain(...values: readonly string[]) {
  const records = values.map((value, offset) => [offset, value] as const);
  return { process: 'drain', kind: 'ok', f: 'drain', ...where, start: 0, end: values.length, records } as const;
}

function poll(offset: number, value: string, process = 'consumer') {
  return { process, kind: 'ok', f: 'poll', ...where, highWatermark: offset + 1, records: [[offset, value]] } as const;
}

function broken(...history: readonly HistoryLine[]): string[] {
  return judge(history, { sendLimitMs: 1000 }).violations.map(({ invariant }) => invariant);
}

const two = [invoke('a'), ok('a', 0), invoke('b'), ok('b', 1)] as const;

test('a history in which all is well has no violation, and everything in it is counted', () => {
  const history = lines(...two, poll(0, 'a'), poll(1, 'b'), invoke('c'), drain('a', 'b', 'c'));
  const info = {
    t: 990,
    process: 'producer-0',
    kind: 'info',
    f: 'send',
    value: 'c',
    error: 'REQUEST_TIMED_OUT',
  } as const;
  const judgement = judge([...history, info], { sendLimitMs: 1000 });
  expect(judgement).toEqual({
    ...{ violations: [], sent: 3, acknowledged: 2, refused: 0, unknown: 1, polled: 2, drained: 3, lost: 0 },
  });
});

test('C1: an acknowledged record that is gone', () => {
  expect(broken(...lines(...two, drain('a')))).toEqual(['C1']);
});

test('C2 and C4: a record at an offset that was told for another', () => {
  expect(broken(...lines(...two, poll(1, 'x'), drain('a', 'b')))).toEqual(expect.arrayContaining(['C2', 'C4']));
});

test('C3: a record that definitely failed and is there', () => {
  const failed = { process: 'producer-0', kind: 'fail', f: 'send', value: 'c' } as const;
  expect(broken(...lines(...two, invoke('c'), failed, drain('a', 'b', 'c')))).toEqual(['C3']);
});

test('C5: a record that is there twice', () => {
  expect(broken(...lines(...two, drain('a', 'b', 'a')))).toContain('C5');
});

test('C6: records of one producer that changed places', () => {
  const history = lines(invoke('a'), invoke('b'), ok('a', 1), ok('b', 0), drain('b', 'a'));
  expect(broken(...history)).toEqual(['C6']);
});

test('C7: a record that was sent after another was acknowledged and lies before it', () => {
  const history = lines(invoke('a'), ok('a', 1), invoke('b', 'producer-1'), ok('b', 0, 'producer-1'), drain('b', 'a'));
  expect(broken(...history)).toEqual(['C7']);
});

test('C8: a consumer that leaves a record out, and one that stops', () => {
  expect(broken(...lines(...two, poll(1, 'b'), drain('a', 'b')))).toEqual(['C8']);
  const stopped = { process: 'consumer', kind: 'fail', f: 'poll', topic: 'ledger', error: 'CORRUPT_MESSAGE' } as const;
  expect(broken(...lines(...two, stopped, drain('a', 'b')))).toEqual(['G2']);
});

test('C9: a record that a consumer got and that is gone', () => {
  const history = lines(invoke('a'), poll(0, 'a'), drain());
  const info = { t: 50, process: 'producer-0', kind: 'info', f: 'send', value: 'a' } as const;
  expect(broken(...history, info)).toEqual(['C9']);
});

test('C11: an end that goes back', () => {
  const latest = (t: number, offset: number) =>
    ({ t, process: 'asker', kind: 'ok', f: 'latest', ...where, offset, invoked: t - 1 }) as const;
  expect(broken(...lines(...two, drain('a', 'b')), latest(100, 2), latest(110, 1))).toEqual(
    expect.arrayContaining(['C11']),
  );
});

test('A1: a hole between two records', () => {
  const holed = { ...drain('a'), end: 3, records: [[0, 'a'] as const, [2, 'b'] as const] };
  expect(broken(...lines(invoke('a'), ok('a', 0), invoke('b'), ok('b', 2), holed))).toContain('A1');
});

test('H1: an outcome that comes late, and one that never comes', () => {
  expect(broken(...lines(invoke('a'), drain()))).toEqual(['H1']);
  expect(broken(...lines(invoke('a')), { t: 5000, ...ok('a', 0) }, { t: 5001, ...drain('a') })).toEqual(['H1']);
});

test('loss is counted and not judged where the durability of the topic does not promise it', () => {
  const { violations, acknowledged, lost } = judge(lines(...two, drain('a')), { sendLimitMs: 1000, isDurable: false });
  expect({ violations, acknowledged, lost }).toEqual({ violations: [], acknowledged: 2, lost: 1 });
});
