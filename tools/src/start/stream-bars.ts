/** Two progress bars, one for each end of the stream. Nothing is drawn when nobody looks. */
import { MultiBar, type SingleBar } from 'cli-progress';

export class StreamBars {
  readonly #startedMs = performance.now();
  readonly #bars: MultiBar | undefined;
  readonly #produced: SingleBar | undefined;
  readonly #consumed: SingleBar | undefined;

  constructor(total: number) {
    if (!process.stderr.isTTY) return;
    this.#bars = new MultiBar({
      format: '{title} {bar} {percentage}% | {value} of {total} flights | {speed} a second',
      barCompleteChar: '\u2588',
      barIncompleteChar: '\u2591',
      hideCursor: true,
      stream: process.stderr,
    });
    this.#produced = this.#bars.create(total, 0, { title: 'produced', speed: '-' });
    this.#consumed = this.#bars.create(total, 0, { title: 'consumed', speed: '-' });
  }

  produced(count: number): void {
    this.#produced?.update(count, { speed: this.#speed(count) });
  }

  consumed(count: number): void {
    this.#consumed?.update(count, { speed: this.#speed(count) });
  }

  stop(): void {
    this.#bars?.stop();
  }

  #speed(count: number): string {
    const seconds = Math.max(0.001, (performance.now() - this.#startedMs) / 1000);
    return Math.round(count / seconds).toLocaleString('en-US');
  }
}
