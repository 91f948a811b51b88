import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it, vi } from "vitest";
import { StepList } from "../src/components/verdicts/StepList";
import { limitsText, stepTitle, tally, valueText, VERDICT, withVerdict } from "../src/model/verdicts";
import type { CheckView, RunView, StepView } from "../src/model/wire.gen";

/** What a lamp asks of the browser when it is first met. */
vi.hoisted(() => Object.assign(globalThis, { matchMedia: () => ({ matches: true, addEventListener: () => undefined }) }));

const CHECK: CheckView = { name: "U out", verdict: "fail", text: "U out is 4.91 V, below 4.95 V", value: 4.91, unit: "V", low: 4.95, high: 5.05, quality: "ok" };
const step = (name: string, more: Partial<StepView> = {}): StepView => ({
  name, kind: "step", verdict: "pass", depth: 0, serial: "", text: "", took_s: 0.5, attempts: 1, checked: 0, checks: [], ...more,
});
const STEPS = [
  step("D-001", { kind: "device", serial: "D-001", verdict: "fail" }),
  step("Supply", { depth: 1, verdict: "fail", attempts: 3, checked: 5, checks: [CHECK] }),
  step("Lamp", { depth: 1 }),
  step("Last", { verdict: "skipped", text: "A step before it failed." }),
];

describe("verdicts", () => {
  it("have a word and an icon each, so that colour is never alone", () => {
    expect(new Set(Object.values(VERDICT).map((mark) => mark.icon)).size).toBe(4);
    expect(new Set(Object.values(VERDICT).map((mark) => mark.word)).size).toBe(4);
  });
  it("stand beside values and limits in their unit", () => {
    expect([valueText(CHECK), valueText({ ...CHECK, quality: "overrange" })]).toEqual(["4.91 V", "4.91 V (overrange)"]);
    expect(limitsText(CHECK)).toBe("4.95 V to 5.05 V");
    expect([limitsText({ ...CHECK, high: null }), limitsText({ ...CHECK, low: null }), limitsText({ ...CHECK, low: "OK", high: "OK" }), limitsText({ ...CHECK, low: null, high: null })]).toEqual(["from 4.95 V", "up to 5.05 V", "OK", ""]);
  });
  it("count steps that hold no others", () => {
    expect(tally(STEPS)).toBe("1 fail, 1 pass, 1 skipped");
    expect(STEPS.map(stepTitle)).toEqual(["Device D-001", "Supply (3 attempts)", "Lamp", "Last"]);
  });
  it("are shown step by step", () => {
    const html = renderToStaticMarkup(createElement(StepList, { steps: STEPS }));
    for (const text of ["Device D-001", "4.91 V", "limits 4.95 V to 5.05 V", "below 4.95 V", "5 values were checked, 1 are shown.", "A step before it failed.", ">Skipped<"]) expect(html).toContain(text);
  });
  it("stay with the run on show, which does not know its own", () => {
    const run = { id: "r", verdict: null } as RunView;
    expect(withVerdict(run, { ...run, verdict: "pass" }).verdict).toBe("pass");
    expect(withVerdict(run, undefined)).toBe(run);
  });
});
