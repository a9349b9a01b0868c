/** Random numbers. Every use takes a stream by name, so that one more draw in one place does not reshuffle the others. */
export interface Random {
  stream(name: string): RandomStream;
}

export interface RandomStream {
  /** A whole number, `from <= n < to`. */
  integer(from: number, to: number): number;
  /** `0 <= x < 1`. */
  fraction(): number;
  bytes(count: number): Uint8Array;
}
