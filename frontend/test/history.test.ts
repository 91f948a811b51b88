import { describe, expect, it } from "vitest";
import { historyDrawing, historyWords, SPANS } from "../src/model/history";
import type { HistoryView } from "../src/model/wire.gen";

const HOUR = SPANS[1] as (typeof SPANS)[number];
const past = (given: Partial<HistoryView>): HistoryView => ({ name: "smu.voltage", unit: "V", kind: "number", since: 1000, until: 8200, t: [], value: [], ...given });

describe("the past of a parameter", () => {
  it("begins with what stood then, and the last value stands until now", () => {
    const { current, x } = historyDrawing(past({ t: [400, 4600], value: [0.001, 0.002] }), HOUR);
    expect(current[0]?.x).toEqual([-120, -60, 0]);
    expect(current[0]?.y).toEqual([1, 2, 2]);
    expect([x.low, x.high, x.ticks.length]).toEqual([-120, 0, 5]);
  });
  it("has gaps where nobody knew, and no value that stands after one", () => {
    const { current } = historyDrawing(past({ t: [2200, 3400], value: [1, null] }), HOUR);
    expect(current[0]?.y).toEqual([1, null]);
  });
  it("steps where something was switched", () => {
    const { current } = historyDrawing(past({ unit: "", kind: "switch", t: [2200, 4600], value: [0, 1] }), HOUR);
    expect(current[0]?.x).toEqual([-100, -60, -60, 0]);
    expect(current[0]?.y).toEqual([0, 0, 1, 1]);
  });
  it("draws nothing where there is nothing", () => {
    expect(historyDrawing(past({}), HOUR).current).toEqual([]);
  });
  it("lists words, the newest first and each once", () => {
    const words = historyWords(past({ kind: "text", t: [1, 2, 3], value: ["volt", "volt", "ohm"] }));
    expect(words.map((line) => line.split("  ")[1])).toEqual(["ohm", "volt"]);
  });
});
