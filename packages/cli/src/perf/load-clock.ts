/**
 * Time and processor time of the part of a load that is measured. Start and end are moments that other processes can
 * compare with theirs: a load that several processes make together lasts from the first start to the last end.
 */
export interface LoadSpan {
  readonly seconds: number;
  /** Milliseconds since 1970, with a fraction. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Of this process, user and system together. */
  readonly cpuSeconds: number;
}

export class LoadClock {
  #startedMs = performance.now();
  #cpuAtStart = process.cpuUsage();

  /** What came before was warm-up. */
  restart(): void {
    this.#startedMs = performance.now();
    this.#cpuAtStart = process.cpuUsage();
  }

  span(): LoadSpan {
    const endedMs = performance.now();
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    return {
      seconds: (endedMs - this.#startedMs) / 1000,
      startedAtMs: performance.timeOrigin + this.#startedMs,
      endedAtMs: performance.timeOrigin + endedMs,
      cpuSeconds: (user + system) / 1e6,
    };
  }
}
