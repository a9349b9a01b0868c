/** How much longer than usual the long tests go on: `MILLRACE_TEST_FACTOR=20 npx vitest run packages/storage`. */
export const testFactor = Number(process.env['MILLRACE_TEST_FACTOR'] ?? '1');

export function runsOf(usual: number): number {
  return Math.max(1, Math.round(usual * testFactor));
}

/** One line of figures, among the output of the tests. */
export function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
