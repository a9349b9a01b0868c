/** What happened in a run, one line per event. */
export interface TimeLineEntry {
  readonly timeMs: number;
  /** A node, a client, or `simulator`. */
  readonly who: string;
  readonly text: string;
  /** Shown only when asked for. */
  readonly isDetail: boolean;
}

export class TimeLine {
  readonly entries: TimeLineEntry[] = [];
  readonly isKept: boolean;
  readonly #nowMs: () => number;

  /** With `isKept` false nothing is kept: runs that nobody will look at are faster. */
  constructor(nowMs: () => number, isKept: boolean) {
    this.#nowMs = nowMs;
    this.isKept = isKept;
  }

  add(who: string, text: string, isDetail = false): void {
    if (this.isKept) this.entries.push({ timeMs: this.#nowMs(), who, text, isDetail });
  }
}

export function timeLineText({ timeMs, who, text }: TimeLineEntry): string {
  return `${timeMs.toFixed(3).padStart(12)}  ${who.padEnd(11)} ${text}`;
}
