import { describe, expect, it } from "vitest";
import { concise, uncertain, valueText, withUnit } from "../src/model/format";
import { cellAt, cellWords, colour, cut, mapDrawing, mapWords, placeWords } from "../src/model/map";
import type { MapView } from "../src/model/wire.gen";

const column = (name: string, unit = "") => ({ name, unit, node: "", port: "" });
const map: MapView = {
  run: "r",
  columns: [column("x", "mm"), column("y"), column("I", "A")],
  x: { column: column("x", "mm"), values: [0, 1, 2], edges: [-0.5, 0.5, 1.5, 2.5] },
  y: { column: column("y"), values: [0, 1], edges: [-0.5, 0.5, 1.5] },
  z: column("I", "A"),
  values: [0, 0.001, 0.002, 0.01, 0.007, null],
  bad: { overrange: [4], "": [5] },
  low: 0,
  high: 0.01,
  rows: 5,
  thinned: false,
};

describe("a map", () => {
  const drawing = mapDrawing(map);

  it("has axes and a colour bar in units", () => {
    expect([drawing.x.label, drawing.y.label, drawing.z.label]).toEqual(["X (mm)", "Y", "Current (mA)"]);
    expect(drawing.z.ticks.at(-1)).toBe(10);
  });

  it("is cut along a line, with gaps where something is missing or not ok", () => {
    expect(cut(drawing, "x", 1)).toEqual([0.01, null, null]);
    expect(cut(drawing, "y", 0)).toEqual([0, 0.01]);
  });

  it("says each cell and all of it in words", () => {
    expect(placeWords(map.x, 2)).toBe("x 2.000 mm");
    expect(cellWords(drawing, 0, 1)).toBe("I 10.00 mA");
    expect(cellWords(drawing, 1, 1)).toContain("I 7.000 mA, ");
    expect(cellWords(drawing, 2, 1)).toBe("no point");
    expect(mapWords(drawing)).toBe("I against x and y, 3 by 2 cells, from 0 A to 10.00 mA, 1 without a point, 1 not ok");
  });

  it("finds the cell at any place, the outermost beyond the ends", () => {
    expect([-9, -0.5, 0.49, 0.5, 2.4, 99].map((x) => cellAt(map.x.edges, x))).toEqual([0, 0, 0, 1, 2, 2]);
  });

  it("can be empty", () => {
    const none = { ...map, values: [], bad: {}, low: null, high: null, x: { ...map.x, values: [], edges: [0, 1] }, y: { ...map.y, values: [], edges: [0, 1] } };
    expect(mapWords(mapDrawing(none))).toContain("no points yet");
    expect(cellWords(mapDrawing(none), 0, 0)).toBe("no point");
  });

  it("gets brighter with every step, so that grey and any eye tell them apart", () => {
    const light = (part: number) => {
      const [r = 0, g = 0, b = 0] = (colour(part).match(/\d+/g) ?? []).map((each) => (Number(each) / 255) ** 2.2);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (let n = 1; n <= 40; n++) expect(light(n / 40)).toBeGreaterThan(light((n - 1) / 40));
    expect(colour(-1)).toBe(colour(0));
    expect(colour(2)).toBe("rgb(253 231 37)");
  });
});

describe("an uncertain value", () => {
  it("is shown with two digits of its uncertainty, in one unit", () => {
    expect(withUnit(uncertain(0.0022304, 0.0000012, "A"))).toBe("2.2304 ± 0.0012 mA");
    expect(withUnit(uncertain(-5, 0.25, "V"))).toBe("−5.00 ± 0.25 V");
    expect(withUnit(uncertain(1234, 120, ""))).toBe("1230 ± 120");
    expect(withUnit(uncertain(0, 0.003, "V"))).toBe("0.0 ± 3.0 mV");
    expect(uncertain(3e12, 4e9, "").text).toBe("3e12 ± 4e9");
  });

  it("is shown on cards with its uncertainty in the last digits", () => {
    expect(withUnit(concise(0.0022304, 0.0000012, "A"))).toBe("2.2304(12) mA");
    expect(withUnit(concise(-5, 0.25, "V"))).toBe("−5.00(25) V");
    expect(withUnit(concise(12.3, 1.2, "V"))).toBe("12.3(1.2) V");
    expect(withUnit(concise(1234, 120, ""))).toBe("1230(120)");
    expect(concise(3e12, 4e9, "").text).toBe("3e12(4e9)");
  });

  it("is a plain value where it carries none", () => {
    expect(valueText(5, null, "V")).toEqual(valueText(5, 0, "V"));
    expect(valueText("text", 0.1, "")).toEqual({ text: "text", unit: "" });
  });
});
