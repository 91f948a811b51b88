import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it, vi } from "vitest";
import { DryReport } from "../src/components/dryrun/DryReport";
import { endText, nodeNamed, nodeOf, outcome, pointsText, rangeText, span, writeText } from "../src/model/dryrun";
import type { DryReport as Report, DryRunView, WriteReport } from "../src/model/wire.gen";
import { node } from "./samples";

/** What a lamp asks of the browser when it is first met. */
vi.hoisted(() => Object.assign(globalThis, { matchMedia: () => ({ matches: true, addEventListener: () => undefined }) }));

const WRITE: WriteReport = {
  began: 0, ended: 5, device: "smu", member: "voltage", title: "Voltage", unit: "V", first: 0, last: 0.7,
  lowest: 0, highest: 0.7, count: 51, makes_safe: false,
};
const REPORT: Report = {
  nodespace: "x", title: "X", bench: "b", sets: [], state: "complete", message: "", refused: [], duration_s: 5.25, took_s: 0.3,
  points: 51, total: 51, recorders: [{ recorder: "Recorder", rows: 51, columns: [{ name: "V", unit: "V", lowest: 0, highest: 0.7, not_ok: 2 }] }],
  devices: [{ device: "smu", driver: "d", simulated: "a stand-in answers", trouble: "" }, { device: "odd", driver: "auto", simulated: "", trouble: "It has no model." }],
  writes: [WRITE], written: 51,
  ranges: [{ device: "smu", member: "voltage", title: "Voltage", unit: "V", lowest: 0, highest: 0.7, low: -20, high: 20, limits: "−20 to 20 V" }],
  end: [{ device: "smu", member: "output", unit: "", value: true, is_output: true, is_safe: false, error: "" }],
  files: ["a.csv"], warnings: [], errors: [], hashes: {},
};
const view = (more: Partial<Report> = {}, fine = false): DryRunView => ({
  fine, evidence: { version: 1, token: "t", nonce: "n", made: 0, hashes: {}, report: { ...REPORT, ...more } },
});
const NODES = {
  a: node("a", { name: "Sweep" }),
  b: node("b", { name: "Sweep 2", device: "smu", member: "voltage" }),
  c: node("c", { name: "Read", device: "smu", member: "reading" }),
};

describe("the report of a dry run", () => {
  it("says first whether the real run would begin and complete", () => {
    expect(outcome(view({}, true)).mark.word).toBe("Would complete");
    expect(outcome(view({ state: "refused", refused: ["No."] })).mark.word).toBe("Would be refused");
    expect(outcome(view({ refused: ["E-STOP is latched."] })).text).toContain("the real run would not begin");
    expect(outcome(view({ state: "failed", message: "Sweep: no." }))).toEqual({ mark: { word: "Would be failed", icon: "x", tone: "fault" }, text: "Sweep: no." });
  });
  it("tells times, points and writes as the command does", () => {
    expect([0.25, 59.999, 750, 28_800].map(span)).toEqual(["0.25 s", "1 min 0 s", "12 min 30 s", "8 h 0 min"]);
    expect([pointsText({ points: 20, total: 51 }), pointsText({ points: 51, total: null })]).toEqual(["20 of 51 points", "51 points"]);
    expect(writeText(WRITE)).toBe("0 V … 0.7 V, 51 times");
    expect(writeText({ ...WRITE, highest: 2 })).toBe("0 V … 0.7 V, between 0 V and 2 V, 51 times");
    expect(writeText({ ...WRITE, first: true, last: true, unit: "", lowest: null, highest: null, count: 1, makes_safe: true })).toBe("on, to make it safe");
    expect(writeText({ ...WRITE, first: null, last: null, lowest: null, highest: null, count: 1 })).toBe("");
    expect(rangeText(REPORT.ranges[0]!)).toBe("0 V to 0.7 V");
    expect(endText(REPORT.end[0]!)).toEqual({ text: "on, which is not its safe state", bad: true });
  });
  it("leads to the node that sets a member, or that a sentence names", () => {
    expect([nodeOf(NODES, "smu", "voltage"), nodeOf(NODES, "smu", "output"), nodeOf(NODES, "tc", "x")]).toEqual(["b", "b", null]);
    expect(nodeNamed(NODES, "Sweep 2: points has no value; set it or wire it.")).toBe("b");
    expect(nodeNamed(NODES, "Sweep goes to 30 V. Read refuses it.")).toBe("a");
    expect([nodeNamed(NODES, "Sweeping is fun."), nodeNamed({}, "Sweep.")]).toEqual([null, null]);
  });
  it("shows all of it, with a way to each node and nothing as markup", () => {
    const html = renderToStaticMarkup(createElement(DryReport, { view: view({ refused: ["Sweep goes to <b>30 V</b>."] }), nodes: NODES, onShow: () => undefined }));
    for (const text of ["5.25 s", "limits −20 to 20 V", "0 V … 0.7 V, 51 times", "not its safe state", "a stand-in answers", "not simulated: It has no model.", "2 not ok", "a.csv", "&lt;b&gt;30 V"]) expect(html).toContain(text);
    expect(html.match(/aria-label="Show [^"]*"/g)).toHaveLength(4);
  });
});
