/** Values and rows of the worker on show: what streams past the store into cards and plots. */

import { type Piece, RunRows } from "../model/rows";
import { PortValues } from "../model/values";
import { pace } from "./pace";

function soon(): void {
  pace.soon(flush);
}

function flush(): void {
  portValues.flush();
  const runs = [...changedRuns];
  changedRuns.clear();
  for (const run of runs) rowListeners.forEach((listener) => listener(run));
}

export const portValues = new PortValues(soon);

/** Rows by run and recorder, oldest run first. */
const kept = new Map<string, Map<string, RunRows>>();
const rowListeners = new Set<(run: string) => void>();
const changedRuns = new Set<string>();
const KEPT_RUNS = 8;

/** Rows of a run as its recorder wrote them; those of another recorder where that one wrote none. */
export function rowsOf(run: string, recorder: string): RunRows | undefined {
  const recorders = kept.get(run);
  return recorders?.get(recorder) ?? recorders?.values().next().value;
}

/** Rows of a run that are here, of all its recorders and streams. */
export function rowsHere(run: string): number {
  return [...(kept.get(run)?.values() ?? [])].reduce((sum, rows) => sum + rows.length, 0);
}

/** The recorders and streams of a run that are here, each with the rows that it stands for. */
export function recordersHere(run: string): Map<string, number> {
  return new Map([...(kept.get(run) ?? [])].map(([recorder, rows]) => [recorder, rows.length]));
}

/** Columns of a run that are here, by recorder and stream. */
export function columnsHere(run: string, recorder: string): string[] {
  const own = [...(kept.get(run) ?? [])].filter(([key]) => key === recorder || key.startsWith(`${recorder}~`));
  return own.flatMap(([, rows]) => rows.columns.map((column) => column.name));
}

/** Drop all rows: another life of the worker keeps only what it had written down. */
export function forgetRows(): void {
  for (const run of kept.keys()) changedRuns.add(run);
  kept.clear();
  soon();
}

/** Take in a piece. Returns the first missing row where one is missing, else null. */
export function putRows(piece: Piece): number | null {
  if (piece.columns.length === 0) return null;
  const missing = rowsFor(piece).append(piece);
  if (missing === null) {
    changedRuns.add(piece.run);
    soon();
  }
  return missing;
}

function rowsFor(piece: Piece): RunRows {
  const recorders = kept.get(piece.run) ?? new Map<string, RunRows>();
  kept.set(piece.run, recorders);
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT_RUNS && oldest !== undefined) kept.delete(oldest);
  const rows = recorders.get(piece.recorder) ?? new RunRows(piece.run, piece.recorder, piece.columns);
  recorders.set(piece.recorder, rows);
  return rows;
}

/** Told at most once per turn of the page's pace, with the run whose rows have grown. */
export function onRows(listener: (run: string) => void): () => void {
  rowListeners.add(listener);
  return () => rowListeners.delete(listener);
}
