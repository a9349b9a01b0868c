/** Latencies in a high dynamic range histogram: microseconds inside, milliseconds outside. */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

const highestMs = 3_600_000;

export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestMs * 1000,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });

  recordMs(ms: number): void {
    this.#histogram.recordValue(Math.min(highestMs * 1000, Math.max(1, Math.round(ms * 1000))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** To be added to those of another process. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  addEncoded(text: string): void {
    this.#histogram.add(decodeFromCompressedBase64(text));
  }

  summary(): LatencySummary {
    const at = (percentile: number): number => this.#histogram.getValueAtPercentile(percentile) / 1000;
    return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: this.#histogram.maxValue / 1000 };
  }
}
