/** Draws XY curves with uPlot, in its mode for curves whose x runs back (a hysteresis). */

import uPlot from "uplot";
import type { Axis, Curve, Drawing } from "../../model/curve";

/** uPlot wants a curve to find its axes by. */
const NO_CURVE: Curve = { name: "", x: [], y: [], points: 0, now: "" };
const DASHES = [[], [6, 3], [2, 3]];
const DOTS_UP_TO = 250;

/** A plot in an element. It owns the element's content until `destroy`. */
export class Plot {
  private plot: uPlot | null = null;
  private shape = "";
  private drawing: Drawing | null = null;

  constructor(
    private readonly element: HTMLElement,
    private readonly width: number,
    private readonly height: number,
  ) {}

  /** Draw, building axes and series anew only where their number or labels have changed. */
  draw(asked: Drawing): void {
    const drawing = asked.current.length ? asked : { ...asked, current: [NO_CURVE] };
    this.drawing = drawing;
    const shape = `${drawing.style ?? ""}/${drawing.current.length}/${drawing.previous.length}/${drawing.x.label}/${drawing.y.label}`;
    const data = [null, ...[...drawing.previous, ...drawing.current].map((curve) => [curve.x, curve.y])] as unknown as uPlot.AlignedData;
    if (!this.plot || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(drawing), data, this.element);
    } else {
      this.plot.setData(data);
    }
  }

  /** Colours come from the theme, so a new theme needs a new plot. */
  repaint(): void {
    this.shape = "";
    if (this.drawing) this.draw(this.drawing);
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  private options({ previous, current, x, y, style }: Drawing): uPlot.Options {
    const css = getComputedStyle(this.element);
    const token = (name: string) => css.getPropertyValue(name).trim();
    const look = {
      stroke: token("--text-3"),
      font: `11px ${token("--font-mono")}`,
      labelFont: `11px ${token("--font-ui")}`,
      labelSize: 16,
      labelGap: 0,
      gap: 5,
      grid: { stroke: token("--plot-grid"), width: 1 },
      ticks: { show: false },
      border: { show: true, stroke: token("--plot-axis"), width: 1 },
    };
    const range = (pick: (drawing: Drawing) => Axis): uPlot.Range.Function => () => {
      const { low, high } = pick(this.drawing ?? ({ x, y } as Drawing));
      return [low, high];
    };
    const splits = (pick: (drawing: Drawing) => Axis) => () => pick(this.drawing ?? ({ x, y } as Drawing)).ticks;
    const values = (_: uPlot, ticks: number[]) => {
      const empty = this.drawing?.current[0] === NO_CURVE && !this.drawing.previous.length;
      return ticks.map((tick) => (empty ? "" : String(tick).replace("-", "−")));
    };
    return {
      mode: 2,
      width: this.width,
      height: this.height,
      padding: [8, 12, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: false, range: range((drawing) => drawing.x) },
        y: { range: range((drawing) => drawing.y) },
      },
      axes: [
        { ...look, scale: "x", label: x.label, size: 18, splits: splits((drawing) => drawing.x), values },
        { ...look, scale: "y", label: y.label, size: (_, ticks) => widest(ticks) + 10, splits: splits((drawing) => drawing.y), values },
      ],
      series: [
        {},
        ...previous.map((_, i) => ({ paths: line, stroke: token("--series-prev"), width: 1.25, dash: [3, 3 + i], points: { show: false } })),
        ...current.map((_, i) => ({ paths: style === "points" ? noLine : line, stroke: token(`--series-${(i % 3) + 1}`), width: 1.75, dash: DASHES[i % 3] ?? [], points: { show: false } })),
      ],
      hooks: { draw: [(plot) => this.points(plot, token)] },
    };
  }

  /** A dot on each point while they can be told apart, a ring around the newest. */
  private points(plot: uPlot, token: (name: string) => string): void {
    const { ctx } = plot;
    const ratio = uPlot.pxRatio;
    ctx.save();
    this.drawing?.current.forEach((curve, i) => {
      const at = (k: number): [number, number] | null => {
        const [x, y] = [curve.x[k], curve.y[k]];
        if (typeof x !== "number" || typeof y !== "number") return null;
        return [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
      };
      const circle = ([x, y]: [number, number], radius: number) => {
        ctx.beginPath();
        ctx.arc(x, y, radius * ratio, 0, 2 * Math.PI);
      };
      ctx.fillStyle = ctx.strokeStyle = token(`--series-${(i % 3) + 1}`);
      const dotted = this.drawing?.style === "points" || (this.drawing?.style !== "line" && curve.x.length <= DOTS_UP_TO);
      if (dotted) {
        for (let k = 0; k < curve.x.length; k++) {
          const place = at(k);
          if (!place) continue;
          circle(place, 1.6);
          ctx.fill();
        }
      }
      // A ring marks what was measured last; a figure comes whole and has no last.
      for (let k = this.drawing?.style ? -1 : curve.x.length - 1; k >= 0; k--) {
        const place = at(k);
        if (!place) continue;
        circle(place, 4);
        ctx.fillStyle = token("--surface-2");
        ctx.fill();
        ctx.lineWidth = 2 * ratio;
        ctx.stroke();
        break;
      }
    });
    ctx.restore();
  }
}

function widest(ticks: string[] | null): number {
  return Math.max(14, ...(ticks ?? []).map((tick) => tick.length * 6.7));
}

const noLine: uPlot.Series.PathBuilder = () => null;

/** Points joined in the order they were measured, whichever way x runs. */
const line: uPlot.Series.PathBuilder = (plot, index) => {
  const path = new Path2D();
  const [xs, ys] = plot.data[index] as unknown as [Curve["x"], Curve["y"]];
  let pen = false;
  for (let i = 0; i < xs.length; i++) {
    const [x, y] = [xs[i], ys[i]];
    if (typeof x !== "number" || typeof y !== "number") {
      pen = false;
      continue;
    }
    const [left, top] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
    if (pen) path.lineTo(left, top);
    else path.moveTo(left, top);
    pen = true;
  }
  return { stroke: path, fill: null, clip: null, band: null, flags: 1 };
};
