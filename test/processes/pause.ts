export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again until the answer is yes; fails with the evidence when it takes too long. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  options: { readonly giveUpMs?: number; readonly evidence: () => string },
): Promise<void> {
  const { giveUpMs = 60_000, evidence } = options;
  for (const deadlineMs = performance.now() + giveUpMs; !(await isSo()); await pause(50)) {
    if (performance.now() > deadlineMs) throw new Error(`not so after ${giveUpMs} ms: ${evidence()}`);
  }
}
