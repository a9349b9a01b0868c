import { MillraceError } from '@millrace/base';
import type { SnapshotCodec, StateMachine } from '@millrace/state-machine';

/** Adds numbers up. The state keeps how it came about, so that a test sees each entry and its place. */
export interface Sum {
  readonly total: number;
  readonly applied: readonly string[];
}

export type SumCommand =
  | { readonly kind: 'add'; readonly numbers: readonly number[] }
  | { readonly kind: 'look' }
  | { readonly kind: 'refuse' };

/** Replies with the total after the command. Entry -1 cannot be applied. */
export const sumMachine: StateMachine<Sum, SumCommand, number, number> = {
  initial: () => ({ total: 0, applied: [] }),
  decide(state, command) {
    if (command.kind === 'refuse') throw new MillraceError('REFUSED', `refused at ${state.total}`);
    const numbers = command.kind === 'add' ? command.numbers : [];
    return { entries: numbers, reply: numbers.reduce((sum, number) => sum + number, state.total) };
  },
  apply(state, entry, position) {
    if (entry === -1) throw new MillraceError('ASSERTION_FAILED', 'entry -1 cannot be applied');
    return { total: state.total + entry, applied: [...state.applied, `${position}:${entry}`] };
  },
};

export const sumCodec: SnapshotCodec<Sum> = {
  encode: (state) => [Buffer.from(String(state.total)), Buffer.from(state.applied.join(' '))],
  decode([total, applied]) {
    const text = Buffer.from(applied ?? []).toString();
    return { total: Number(Buffer.from(total ?? []).toString()), applied: text === '' ? [] : text.split(' ') };
  },
};
