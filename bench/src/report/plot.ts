/** A curve over one variable, as data: what the drawing of it takes. */
export interface Plot {
  /** Name of its file, without the suffix. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly points: readonly PlotPoint[];
}

export interface Axis {
  readonly title: string;
  readonly scale: 'linear' | 'log';
}

export interface PlotPoint {
  /** The line that the point is of. */
  readonly series: string;
  readonly x: number;
  readonly y: number;
  /** The range of the rounds, drawn behind the line. */
  readonly low: number;
  readonly high: number;
}
