/** Draws a map with its axes, a colour bar, and the cuts through a cursor, on a canvas. */

import type { Axis, Numbers } from "../../model/curve";
import { cellAt, colour, cut, type MapDrawing } from "../../model/map";

export interface Cursor {
  column: number;
  row: number;
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const [LEFT, TOP, GAP, CUT, BAR, BAR_LABELS, BELOW] = [46, 20, 6, 46, 10, 44, 32];
const SMALL_CELL = 5;

export class HeatCanvas {
  private readonly box: Box;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly width: number,
    height: number,
  ) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    this.box = { left: LEFT, top: TOP, width: width - LEFT - 2 * GAP - CUT - BAR - BAR_LABELS, height: height - TOP - GAP - CUT - BELOW };
    canvas.getContext("2d")?.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** The cell at a place of the canvas, from 0 to 1 across and down it; null beside the map. */
  cellAt(drawing: MapDrawing, across: number, down: number, height: number): Cursor | null {
    const { left, top, width, height: high } = this.box;
    const [x, y] = [(across * this.width - left) / width, (down * height - top) / high];
    if (x < 0 || x > 1 || y < 0 || y > 1 || drawing.map.values.length === 0) return null;
    const place = (edges: number[], part: number) => (edges[0] as number) + part * ((edges.at(-1) as number) - (edges[0] as number));
    return { column: cellAt(drawing.map.x.edges, place(drawing.map.x.edges, x)), row: cellAt(drawing.map.y.edges, place(drawing.map.y.edges, 1 - y)) };
  }

  draw(drawing: MapDrawing, cursor: Cursor): void {
    const ctx = this.canvas.getContext("2d");
    if (!ctx) return;
    const css = getComputedStyle(this.canvas);
    const token = (name: string) => css.getPropertyValue(name).trim();
    ctx.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ctx.font = `11px ${token("--font-ui")}`;
    this.cells(ctx, drawing, token);
    this.axes(ctx, drawing, token);
    this.bar(ctx, drawing, token);
    if (drawing.map.values.length) this.cuts(ctx, drawing, cursor, token);
  }

  private cells(ctx: CanvasRenderingContext2D, drawing: MapDrawing, token: (name: string) => string): void {
    const { map, bad } = drawing;
    const [xs, ys] = [this.places(map.x.edges, "x"), this.places(map.y.edges, "y")];
    const span = (map.high ?? 1) - (map.low ?? 0) || 1;
    const hatch = hatched(ctx, token);
    map.values.forEach((value, place) => {
      const [column, row] = [place % map.x.values.length, Math.floor(place / map.x.values.length)];
      const [x, y] = [xs[column] as number, ys[row + 1] as number];
      const [width, height] = [(xs[column + 1] as number) - x, (ys[row] as number) - y];
      const why = bad.get(place);
      ctx.fillStyle = value === null || why === "" ? hatch : colour((value - (map.low ?? 0)) / span);
      ctx.fillRect(x, y, width, height);
      if (why) cross(ctx, x, y, width, height, token);
    });
    ctx.strokeStyle = token("--plot-axis");
    ctx.lineWidth = 1;
    const { left, top, width, height } = this.box;
    ctx.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  }

  private axes(ctx: CanvasRenderingContext2D, drawing: MapDrawing, token: (name: string) => string): void {
    const { left, top, width, height } = this.box;
    const [across, up] = [this.scale(drawing.map.x.edges, drawing.x.factor, "x"), this.scale(drawing.map.y.edges, drawing.y.factor, "y")];
    const below = top + height + GAP + CUT;
    ctx.fillStyle = token("--text-3");
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "center";
    for (const tick of fewer(drawing.x, drawing.map.x.edges, across, 34)) ctx.fillText(said(tick), across(tick), below + 12);
    ctx.fillText(drawing.x.label, left + width / 2, below + 27);
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const tick of fewer(drawing.y, drawing.map.y.edges, up, 14)) ctx.fillText(said(tick), left - 5, up(tick));
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(drawing.y.label, 2, top - 8);
    ctx.textAlign = "right";
    ctx.fillText(drawing.z.label, this.width - 2, top - 8);
  }

  private bar(ctx: CanvasRenderingContext2D, drawing: MapDrawing, token: (name: string) => string): void {
    const { top, height } = this.box;
    const left = this.width - BAR - BAR_LABELS;
    const { low, high } = drawing.map;
    if (low === null || high === null) return;
    for (let n = 0; n < height; n++) {
      ctx.fillStyle = colour(1 - n / (height - 1));
      ctx.fillRect(left, top + n, BAR, 1.5);
    }
    ctx.fillStyle = token("--text-3");
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    const at = (tick: number) => top + height * (1 - (tick / drawing.z.factor - low) / (high - low || 1));
    for (const tick of drawing.z.ticks) {
      const y = at(tick);
      if (y >= top - 1 && y <= top + height + 1) ctx.fillText(said(tick), left + BAR + 4, y);
    }
  }

  private cuts(ctx: CanvasRenderingContext2D, drawing: MapDrawing, { column, row }: Cursor, token: (name: string) => string): void {
    const { left, top, width, height } = this.box;
    const { map } = drawing;
    const [across, up] = [this.scale(map.x.edges, 1, "x"), this.scale(map.y.edges, 1, "y")];
    const [x, y] = [across(map.x.values[column] ?? 0), up(map.y.values[row] ?? 0)];
    for (const [style, dash] of [["rgb(0 0 0 / .7)", []], ["rgb(255 255 255 / .9)", [4, 4]]] as const) {
      ctx.strokeStyle = style;
      ctx.setLineDash([...dash]);
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    const part = (value: number) => (value - (map.low ?? 0)) / ((map.high ?? 1) - (map.low ?? 0) || 1);
    const below: Box = { left, top: top + height + GAP, width, height: CUT };
    const beside: Box = { left: left + width + GAP, top, width: CUT, height };
    for (const box of [below, beside]) {
      ctx.strokeStyle = token("--plot-grid");
      ctx.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
    }
    ctx.strokeStyle = ctx.fillStyle = token("--series-1");
    trace(ctx, cut(drawing, "x", row), (value, n) => [across(map.x.values[n] ?? 0), below.top + CUT - 4 - part(value) * (CUT - 8)]);
    ctx.strokeStyle = ctx.fillStyle = token("--series-2");
    trace(ctx, cut(drawing, "y", column), (value, n) => [beside.left + 4 + part(value) * (CUT - 8), up(map.y.values[n] ?? 0)]);
  }

  private places(edges: number[], side: "x" | "y"): number[] {
    const at = this.scale(edges, 1, side);
    return edges.map((edge) => Math.round(at(edge)));
  }

  private scale(edges: number[], factor: number, side: "x" | "y"): (value: number) => number {
    const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 1];
    const part = (value: number) => (value / factor - low) / (high - low || 1);
    const { left, top, width, height } = this.box;
    return side === "x" ? (value) => left + part(value) * width : (value) => top + (1 - part(value)) * height;
  }
}

/** Ticks that lie within the map and do not touch one another. */
function fewer(axis: Axis, edges: number[], at: (value: number) => number, apart: number): number[] {
  const [first, second] = [axis.ticks[0] ?? 0, axis.ticks[1] ?? 1];
  const every = Math.max(1, Math.ceil(apart / Math.max(Math.abs(at(second) - at(first)), 1)));
  const [low, high] = [(edges[0] ?? 0) * axis.factor, (edges.at(-1) ?? 1) * axis.factor];
  return axis.ticks.filter((tick, n) => n % every === 0 && tick >= low && tick <= high);
}

function said(tick: number): string {
  return String(tick).replace("-", "−");
}

function trace(ctx: CanvasRenderingContext2D, values: Numbers, place: (value: number, n: number) => [number, number]): void {
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  let pen = false;
  values.forEach((value, n) => {
    if (value === null) {
      pen = false;
      return;
    }
    const [x, y] = place(value, n);
    if (pen) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
    pen = true;
    ctx.fillRect(x - 1, y - 1, 2, 2);
  });
  ctx.stroke();
}

/** The mark of a cell that is not ok: light on dark, so that it is seen on every colour. */
function cross(ctx: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, token: (name: string) => string): void {
  if (Math.min(width, height) < SMALL_CELL) {
    ctx.fillStyle = token("--estop");
    ctx.fillRect(x, y, width, height);
    return;
  }
  const size = Math.min(width, height, 14) / 2 - 1;
  const [cx, cy] = [x + width / 2, y + height / 2];
  for (const [style, line] of [["#000", 4], ["#fff", 1.75]] as const) {
    ctx.strokeStyle = style;
    ctx.lineWidth = line;
    ctx.beginPath();
    ctx.moveTo(cx - size, cy - size);
    ctx.lineTo(cx + size, cy + size);
    ctx.moveTo(cx + size, cy - size);
    ctx.lineTo(cx - size, cy + size);
    ctx.stroke();
  }
}

function hatched(ctx: CanvasRenderingContext2D, token: (name: string) => string): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  if (!pen) return token("--surface-3");
  pen.fillStyle = token("--surface-3");
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = token("--text-3");
  pen.lineWidth = 0.75;
  pen.beginPath();
  for (const shift of [-6, 0, 6]) {
    pen.moveTo(shift, 6);
    pen.lineTo(shift + 6, 0);
  }
  pen.stroke();
  return ctx.createPattern(tile, "repeat") ?? token("--surface-3");
}
