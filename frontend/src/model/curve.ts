/** A plot's curves and axes in the units they are drawn in. Knows nothing of how they are drawn. */

import { bestExponent, measured, splitUnit, unitAt, withUnit } from "./format";
import { decimate, drawable, type RunRows } from "./rows";
import type { CurveStyle, Figure, PlotSpec } from "./wire.gen";

/** Beyond this many points a curve is thinned for drawing. */
export const DRAWN_POINTS = 4000;

export type Numbers = Array<number | null>;

export interface Curve {
  name: string;
  x: Numbers;
  y: Numbers;
  /** Points before thinning. */
  points: number;
  /** The newest point in words: "0.688 V  2.230 mA". */
  now: string;
}

export interface Axis {
  label: string;
  unit: string;
  factor: number;
  low: number;
  high: number;
  ticks: number[];
}

/** All that a plot draws: the curves of now, those of before, and their axes. */
export interface Drawing {
  current: Curve[];
  previous: Curve[];
  x: Axis;
  y: Axis;
  /** Lines join the points, dots mark them; both where nothing is said. */
  style?: CurveStyle;
}

/** What a node that draws arrays asks for; it has no units but in its labels. */
export function figureDrawing(figure: Figure): Drawing {
  const { curves, style } = figure;
  return {
    current: curves.map(({ x, y }, i) => toCurve({ name: `curve ${i + 1}`, xUnit: "", yUnit: "", x, y }, 1, 1)),
    previous: [],
    x: axis(curves.map((curve) => curve.x), "", figure.x_label),
    y: axis(curves.map((curve) => curve.y), "", figure.y_label),
    style,
  };
}

/** Names of the columns to draw: what the node asks for, else the first against the second. */
export function columnsOf(spec: PlotSpec, rows: RunRows | undefined): { x: string; y: string[] } {
  const names = rows?.columns.map((column) => column.name) ?? [];
  const x = spec.x || names[0] || "";
  const y = spec.y.length ? spec.y : names.filter((name) => name !== x).slice(0, 1);
  return { x, y };
}

export interface Raw {
  name: string;
  xUnit: string;
  yUnit: string;
  x: Numbers;
  y: Numbers;
}

/** The raw columns of each curve; a column that a run does not have gives no curve. */
export function rawCurves(rows: RunRows | undefined, x: string, y: string[]): Raw[] {
  const across = rows?.column(x);
  if (!rows || !across) return [];
  return y.flatMap((name) => {
    const up = rows.column(name);
    return up ? [{ name, xUnit: across.column.unit, yUnit: up.column.unit, x: across.values, y: up.values }] : [];
  });
}

export function toCurve(raw: Raw, xFactor: number, yFactor: number): Curve {
  const [x, y] = decimate(raw.x, raw.y, DRAWN_POINTS);
  const last = lastPoint(raw);
  return {
    name: raw.name,
    x: x.map((value) => scaled(value, xFactor)),
    y: y.map((value) => scaled(value, yFactor)),
    points: drawable(raw.x, raw.y),
    now: last ? `${withUnit(measured(last[0], raw.xUnit))}\u2002${withUnit(measured(last[1], raw.yUnit))}` : "",
  };
}

function scaled(value: number | null, factor: number): number | null {
  return value === null || !Number.isFinite(value) ? null : value * factor;
}

function lastPoint({ x, y }: Raw): [number, number] | null {
  for (let i = Math.min(x.length, y.length) - 1; i >= 0; i--) {
    const [a, b] = [x[i], y[i]];
    if (typeof a === "number" && typeof b === "number" && Number.isFinite(a) && Number.isFinite(b)) return [a, b];
  }
  return null;
}

const NOISE = 0.02;

/** Symbols that a recorder's columns usually bear, in words. */
const SYMBOLS: Record<string, string> = { V: "voltage", I: "current", T: "temperature", P: "power", R: "resistance", t: "time" };

/** An axis over all given columns: a prefix that suits the largest value, limits on round numbers. */
export function axis(columns: Numbers[], unit: string, label: string): Axis {
  const [lowest, high] = extent(columns);
  // Noise around zero is no reason for an axis below it.
  const low = lowest < 0 && -lowest < NOISE * high ? 0 : lowest;
  const size = Math.max(Math.abs(low), Math.abs(high));
  const exponent = axisExponent(size, unit);
  const factor = 10 ** ((splitUnit(unit)?.exponent ?? 0) - exponent);
  const shown = unitAt(unit, exponent);
  const ticks = roundTicks(low * factor, high * factor);
  const plain = label.replace(/\s*[([][^)\]]*[)\]]\s*$/, "");
  const bare = SYMBOLS[plain] ?? plain;
  const name = bare.charAt(0).toUpperCase() + bare.slice(1);
  return {
    label: shown ? `${name} (${shown})` : name,
    unit: shown,
    factor,
    low: ticks[0] ?? 0,
    high: ticks.at(-1) ?? 1,
    ticks,
  };
}

/** As for values, but one prefix further down only where the axis would otherwise read 0.00… */
function axisExponent(size: number, unit: string): number {
  return size === 0 ? (splitUnit(unit)?.exponent ?? 0) : bestExponent(size, unit);
}

function extent(columns: Numbers[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const column of columns) {
    for (const value of column) {
      if (value === null || !Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
  return [low, high];
}

/** About five round steps that hold the range, e.g. 0, 2, 4, 6, 8. */
export function roundTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-6);
  const last = Math.ceil(high / step - 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
