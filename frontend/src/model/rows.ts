/** The rows of a run as columns, put together from pieces that may overlap or leave gaps.
 *
 *  Guarantees that no row comes twice: duplicates are dropped, a piece that starts beyond what is here
 *  is refused until the gap has been fetched. Of a long run only the rows that its curves need are
 *  kept: a piece may be thinned already, and what has grown too long is thinned here.
 */

import type { Column } from "./wire.gen";

export interface Piece {
  run: string;
  recorder: string;
  start: number;
  columns: Column[];
  data: Array<Array<number | null>>;
  /** The first row that they do not stand for; 0: there are as many as that. */
  stop?: number;
}

/** Rows that are kept of a run at most, about. */
export const KEPT_ROWS = 20_000;
const THINNED_ROWS = 5_000;

export class RunRows {
  readonly columns: Column[];
  readonly data: Array<Array<number | null>>;
  private stop = 0;

  constructor(
    readonly run: string,
    readonly recorder: string,
    columns: Column[],
  ) {
    this.columns = columns;
    this.data = columns.map(() => []);
  }

  /** Rows of the run that those here stand for. */
  get length(): number {
    return this.stop;
  }

  /** Append what is new of a piece. Returns the first missing row where there is a gap, else null. */
  append(piece: Piece): number | null {
    if (piece.start > this.stop) return this.stop;
    const given = piece.data[0]?.length ?? 0;
    const stop = piece.stop || piece.start + given;
    if (stop <= this.stop) return null;
    const thinned = given < stop - piece.start;
    if (thinned && piece.start < this.stop) return this.stop;
    const skip = thinned ? 0 : this.stop - piece.start;
    piece.data.forEach((values, i) => {
      const column = this.data[i];
      if (column) for (let row = skip; row < values.length; row++) column.push(values[row] ?? null);
    });
    this.stop = stop;
    if ((this.data[0]?.length ?? 0) > KEPT_ROWS) this.thin();
    return null;
  }

  private thin(): void {
    const rows = extremes(this.data, THINNED_ROWS);
    this.data.forEach((column, i) => {
      this.data[i] = rows.map((row) => column[row] ?? null);
    });
  }

  column(name: string): { column: Column; values: Array<number | null> } | null {
    const index = this.columns.findIndex((column) => column.name === name);
    const [column, values] = [this.columns[index], this.data[index]];
    return column && values ? { column, values } : null;
  }
}

/** Rows to keep so that of each stretch every column keeps its lowest and its highest. */
export function extremes(columns: ReadonlyArray<ReadonlyArray<number | null>>, limit: number): number[] {
  const n = columns[0]?.length ?? 0;
  const width = Math.ceil(n / Math.max(50, Math.floor(limit / (2 * Math.max(1, columns.length)))));
  const rows = new Set([0, n - 1]);
  for (const column of columns) {
    for (let start = 0; start < n; start += width) {
      let [low, high] = [-1, -1];
      for (let row = start; row < Math.min(n, start + width); row++) {
        const value = column[row];
        if (value === null || value === undefined) continue;
        if (low < 0 || value < (column[low] as number)) low = row;
        if (high < 0 || value > (column[high] as number)) high = row;
      }
      if (low >= 0) rows.add(low).add(high);
    }
  }
  return [...rows].sort((a, b) => a - b);
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
