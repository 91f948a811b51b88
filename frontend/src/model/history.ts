/** A stretch of a parameter's past as it is drawn: back from now, in minutes, hours or days. */

import { axis, type Drawing, type Numbers, toCurve } from "./curve";
import { clockTime } from "./format";
import type { HistoryView } from "./wire.gen";

export interface Span {
  label: string;
  seconds: number;
  unit: string;
  per: number;
}

export const SPANS: readonly Span[] = [
  { label: "10 min", seconds: 600, unit: "min", per: 60 },
  { label: "2 h", seconds: 7200, unit: "min", per: 60 },
  { label: "24 h", seconds: 86_400, unit: "h", per: 3600 },
  { label: "30 d", seconds: 2_592_000, unit: "d", per: 86_400 },
];

/** The curve, whose last value stands until now; what is no number has none. */
export function historyDrawing(view: HistoryView, span: Span): Drawing {
  const { x, y } = points(view);
  const ago: Numbers = x.map((t) => (t === null ? null : (Math.max(t, view.since) - view.until) / span.per));
  const across = { label: `Before now (${span.unit})`, unit: span.unit, factor: 1, low: -span.seconds / span.per, high: 0, ticks: quarters(span.seconds / span.per) };
  const up = axis([y], view.unit, "");
  return {
    current: ago.length ? [toCurve({ name: view.name, xUnit: span.unit, yUnit: view.unit, x: ago, y }, 1, up.factor)] : [],
    previous: [],
    x: across,
    y: { ...up, label: up.unit },
    style: "line",
  };
}

function points(view: HistoryView): { x: Numbers; y: Numbers } {
  const [x, y]: [Numbers, Numbers] = [[], []];
  view.t.forEach((t, i) => {
    const value = view.value[i];
    const number = typeof value === "number" ? value : null;
    const before = y.at(-1);
    if (view.kind === "switch" && typeof before === "number" && number !== null) {
      x.push(t);
      y.push(before);
    }
    x.push(t);
    y.push(number);
  });
  const last = y.at(-1);
  if (typeof last === "number") {
    x.push(view.until);
    y.push(last);
  }
  return { x, y };
}

function quarters(whole: number): number[] {
  return [-whole, (-3 * whole) / 4, -whole / 2, -whole / 4, 0];
}

const LINES = 6;

/** Words, the newest first, each with when it came to be so. */
export function historyWords(view: HistoryView): string[] {
  return view.t
    .map((t, i) => ({ t, word: view.value[i] ?? "–" }))
    .filter(({ word }, i, all) => i === 0 || all[i - 1]?.word !== word)
    .slice(-LINES)
    .reverse()
    .map(({ t, word }) => `${clockTime(t)}  ${word}`);
}
