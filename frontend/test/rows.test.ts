import { describe, expect, it } from "vitest";
import { axis, columnsOf, rawCurves, roundTicks, toCurve } from "../src/model/curve";
import { decimate, drawable, KEPT_ROWS, RunRows } from "../src/model/rows";

const columns = [{ name: "V", unit: "V", node: "", port: "" }, { name: "I", unit: "A", node: "", port: "" }];
const piece = (start: number, count: number) => {
  const rows = Array.from({ length: count }, (_, i) => start + i);
  return { run: "r", recorder: "c", start, columns, data: [rows, rows.map((n) => n / 1000)] };
};

describe("rows of a run", () => {
  it("are put together from pieces that overlap", () => {
    const rows = new RunRows("r", "c", columns);
    expect(rows.append(piece(0, 3))).toBeNull();
    expect(rows.append(piece(2, 3))).toBeNull();
    expect(rows.append(piece(0, 2))).toBeNull();
    expect(rows.data[0]).toEqual([0, 1, 2, 3, 4]);
    expect(rows.length).toBe(5);
  });

  it("refuse a piece beyond a gap and name the first missing row", () => {
    const rows = new RunRows("r", "c", columns);
    rows.append(piece(0, 3));
    expect(rows.append(piece(5, 1))).toBe(3);
    expect(rows.length).toBe(3);
    rows.append(piece(3, 3));
    expect(rows.column("I")?.values).toEqual([0, 0.001, 0.002, 0.003, 0.004, 0.005]);
  });
});

describe("rows of a long run", () => {
  it("may come thinned, and go on from where those stand for", () => {
    const rows = new RunRows("r", "c", columns);
    expect(rows.append({ ...piece(0, 10), stop: 1_000_000 })).toBeNull();
    expect(rows.length).toBe(1_000_000);
    expect(rows.append(piece(999_999, 2))).toBeNull();
    expect(rows.length).toBe(1_000_001);
    expect(rows.data[0]).toHaveLength(11);
    expect(rows.append({ ...piece(999_999, 2), stop: 1_000_500 })).toBe(1_000_001);
  });

  it("are thinned here where they grow for ever, and keep their peaks", () => {
    const rows = new RunRows("r", "c", columns);
    const peak = piece(0, 5000);
    peak.data[1]![1234] = 1e6;
    rows.append(peak);
    for (let start = 5000; start < 200_000; start += 5000) rows.append(piece(start, 5000));
    expect(rows.length).toBe(200_000);
    expect(rows.data[0]!.length).toBeLessThanOrEqual(KEPT_ROWS);
    expect(rows.data[1]).toContain(1e6);
    expect(rows.data[0]!.at(-1)).toBe(199_999);
  });
});

describe("thinning", () => {
  const many = Array.from({ length: 20_000 }, (_, i) => i);

  it("keeps the ends and every peak within the limit", () => {
    const y = many.map((i) => (i === 7777 ? 9 : Math.sin(i / 500)));
    const [xs, ys] = decimate(many, y, 2000);
    expect(xs.length).toBeLessThanOrEqual(2002);
    expect(ys).toContain(9);
    expect(xs.at(-1)).toBe(19_999);
  });

  it("keeps a hysteresis in the order it was measured", () => {
    const x = many.map((i) => (i < 10_000 ? i : 19_999 - i));
    const [xs] = decimate(x, many, 1000);
    const top = xs.indexOf(Math.max(...(xs as number[])));
    expect(xs.slice(0, top)).toEqual([...xs.slice(0, top)].sort((a, b) => (a ?? 0) - (b ?? 0)));
    expect(xs.slice(top)).toEqual([...xs.slice(top)].sort((a, b) => (b ?? 0) - (a ?? 0)));
  });

  it("leaves a short curve as it is", () => {
    expect(decimate([1, 2, null], [3, null, 4], 10)).toEqual([[1, 2, null], [3, null, 4]]);
    expect(drawable([1, 2, null], [3, null, 4])).toBe(1);
  });
});

describe("a curve", () => {
  const rows = new RunRows("r", "c", columns);
  rows.append({ ...piece(0, 0), data: [[0, 0.4, 0.8], [0, 0.0001, 0.0068]] });

  it("is drawn in units that suit it", () => {
    const { x, y } = columnsOf({ recorder: "c", x: "", y: [], x_label: "", y_label: "" }, rows);
    expect([x, y]).toEqual(["V", ["I"]]);
    const [raw] = rawCurves(rows, x, y);
    if (!raw) throw new Error("no curve");
    const [across, up] = [axis([raw.x], raw.xUnit, "V (V)"), axis([raw.y], raw.yUnit, "Current (A)")];
    expect(across).toMatchObject({ label: "Voltage (V)", factor: 1, low: 0, high: 0.8 });
    expect(up).toMatchObject({ label: "Current (mA)", low: 0, high: 8, ticks: [0, 2, 4, 6, 8] });
    const curve = toCurve(raw, across.factor, up.factor);
    expect(curve.y[2]).toBeCloseTo(6.8);
    expect([curve.points, curve.now]).toEqual([3, "0.800 V\u20026.800 mA"]);
  });

  it("has no points where the run lacks a column", () => {
    expect(rawCurves(rows, "V", ["T"])).toEqual([]);
    expect(rawCurves(undefined, "V", ["I"])).toEqual([]);
  });
});

it("puts ticks on round numbers", () => {
  expect(axis([[-1e-9, 1e-6]], "A", "I")).toMatchObject({ label: "Current (µA)", low: 0, high: 1 });
  expect(roundTicks(0, 0.7)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  expect(roundTicks(-1.2, 1.1)).toEqual([-2, -1, 0, 1, 2]);
  expect(axis([[5, 5]], "V", "V").ticks[0]).toBe(0);
});
