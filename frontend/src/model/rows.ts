/** The rows of a run as columns, put together from pieces that may overlap or leave gaps.
 *
 *  Guarantees that row n of a column is row n of the run: duplicates are dropped, a piece that starts
 *  beyond what is here is refused until the gap has been fetched.
 */

import type { Column } from "./wire.gen";

export interface Piece {
  run: string;
  recorder: string;
  start: number;
  columns: Column[];
  data: Array<Array<number | null>>;
}

export class RunRows {
  readonly columns: Column[];
  readonly data: Array<Array<number | null>>;

  constructor(
    readonly run: string,
    readonly recorder: string,
    columns: Column[],
  ) {
    this.columns = columns;
    this.data = columns.map(() => []);
  }

  /** Rows that are here. */
  get length(): number {
    return this.data[0]?.length ?? 0;
  }

  /** Append what is new of a piece. Returns the first missing row where there is a gap, else null. */
  append(piece: Piece): number | null {
    if (piece.start > this.length) return this.length;
    const skip = this.length - piece.start;
    piece.data.forEach((values, i) => {
      const column = this.data[i];
      if (column) for (let row = skip; row < values.length; row++) column.push(values[row] ?? null);
    });
    return null;
  }

  column(name: string): { column: Column; values: Array<number | null> } | null {
    const index = this.columns.findIndex((column) => column.name === name);
    const [column, values] = [this.columns[index], this.data[index]];
    return column && values ? { column, values } : null;
  }
}

/** Points of a curve with at most about `limit` of them: of each stretch of neighbours the lowest and
 *  the highest are kept in their order, so that no peak is lost and a hysteresis stays one. */
export function decimate(x: ReadonlyArray<number | null>, y: ReadonlyArray<number | null>, limit: number): [Array<number | null>, Array<number | null>] {
  const n = Math.min(x.length, y.length);
  if (n <= limit) return [x.slice(0, n), y.slice(0, n)];
  const stretch = Math.ceil((2 * n) / limit);
  const [xs, ys]: [Array<number | null>, Array<number | null>] = [[], []];
  const keep = (i: number) => {
    xs.push(x[i] ?? null);
    ys.push(y[i] ?? null);
  };
  for (let start = 0; start < n; start += stretch) {
    let [low, high] = [start, start];
    for (let i = start; i < Math.min(n, start + stretch); i++) {
      const value = y[i] ?? Number.NaN;
      if (!(value >= (y[low] ?? Number.NaN))) low = Number.isNaN(value) ? low : i;
      if (!(value <= (y[high] ?? Number.NaN))) high = Number.isNaN(value) ? high : i;
    }
    keep(Math.min(low, high));
    if (low !== high) keep(Math.max(low, high));
  }
  if (xs.at(-1) !== x[n - 1] || ys.at(-1) !== y[n - 1]) keep(n - 1);
  return [xs, ys];
}

/** Points that can be drawn: both coordinates are numbers. */
export function drawable(x: ReadonlyArray<number | null>, y: ReadonlyArray<number | null>): number {
  let count = 0;
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (Number.isFinite(x[i] ?? Number.NaN) && Number.isFinite(y[i] ?? Number.NaN)) count++;
  }
  return count;
}
