/** A map of a run as it is drawn: colours, axes, cuts and words. Knows nothing of how it is drawn. */

import { type Axis, axis, type Numbers } from "./curve";
import { measured, withUnit } from "./format";
import type { MapView, Quality } from "./wire.gen";
import { QUALITY } from "./words";

type Colour = [number, number, number];

/** Viridis, every tenth: of even steps to the eye, and the same order to every kind of it. */
const STOPS: Colour[] = [
  [68, 1, 84], [72, 36, 117], [65, 68, 135], [53, 95, 141], [42, 120, 142], [33, 145, 140],
  [34, 168, 132], [68, 191, 112], [122, 209, 81], [189, 223, 38], [253, 231, 37],
];

/** The colour at a part of the range, from 0 to 1. */
export function colour(part: number): string {
  const place = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const n = Math.min(Math.floor(place), STOPS.length - 2);
  const [from, to] = [STOPS[n] as Colour, STOPS[n + 1] as Colour];
  return `rgb(${from.map((each, i) => Math.round(each + (place - n) * ((to[i] as number) - each))).join(" ")})`;
}

/** A cell that is not ok: where nothing was measured, or why it does not count. */
export type Bad = Quality | "";

export interface MapDrawing {
  map: MapView;
  x: Axis;
  y: Axis;
  z: Axis;
  bad: Map<number, Bad>;
}

/** A map with its axes in the units that it is drawn in. */
export function mapDrawing(map: MapView): MapDrawing {
  const bad = new Map<number, Bad>();
  for (const [quality, places] of Object.entries(map.bad)) for (const place of places) bad.set(place, quality as Bad);
  const ends = (edges: number[]): Numbers[] => [[edges[0] ?? 0, edges.at(-1) ?? 1]];
  return {
    map,
    x: axis(ends(map.x.edges), map.x.column.unit, map.x.column.name),
    y: axis(ends(map.y.edges), map.y.column.unit, map.y.column.name),
    z: axis([[map.low, map.high]], map.z.unit, map.z.name),
    bad,
  };
}

/** What is measured along one line of cells; what does not count is a gap. */
export function cut({ map, bad }: MapDrawing, along: "x" | "y", at: number): Numbers {
  const [across, up] = [map.x.values.length, map.y.values.length];
  return Array.from({ length: along === "x" ? across : up }, (_, n) => {
    const place = along === "x" ? at * across + n : n * across + at;
    return bad.has(place) ? null : (map.values[place] ?? null);
  });
}

/** The cell that holds a place along an axis; the nearest one beyond its ends. */
export function cellAt(edges: number[], value: number): number {
  let [low, high] = [0, edges.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return Math.max(low, 0);
}

/** A place along an axis in words: "x 3.0 mm". */
export function placeWords(side: MapView["x"], n: number): string {
  const value = side.values[n];
  return value === undefined ? side.column.name : `${side.column.name} ${withUnit(measured(value, side.column.unit))}`;
}

/** What a cell shows, in words: "I 2.23 mA", "I 9.91 V, overrange", "no point". */
export function cellWords({ map, bad }: MapDrawing, column: number, row: number): string {
  const place = row * map.x.values.length + column;
  const why = bad.get(place);
  if (why === "" || map.values.length === 0) return "no point";
  const value = map.values[place] ?? null;
  const words = value === null ? `${map.z.name} no number` : `${map.z.name} ${withUnit(measured(value, map.z.unit))}`;
  return why === undefined ? words : `${words}, ${QUALITY[why] || why}`;
}

/** The whole map in a sentence, for whoever does not see it. */
export function mapWords({ map, bad }: MapDrawing): string {
  const [across, up] = [map.x.values.length, map.y.values.length];
  if (across * up === 0) return `${map.z.name} against ${map.x.column.name} and ${map.y.column.name}, no points yet`;
  const empty = map.bad[""]?.length ?? 0;
  const doubtful = bad.size - empty;
  const range = map.low === null || map.high === null ? "" : `, from ${withUnit(measured(map.low, map.z.unit))} to ${withUnit(measured(map.high, map.z.unit))}`;
  const lacks = [empty ? `${empty} without a point` : "", doubtful ? `${doubtful} not ok` : ""].filter(Boolean).join(", ");
  return `${map.z.name} against ${map.x.column.name} and ${map.y.column.name}, ${across} by ${up} cells${range}${lacks ? `, ${lacks}` : ""}`;
}
