import { describe, expect, it } from "vitest";
import { dimension, sameDimension } from "../src/model/dimension";
import { type End, entryPort, misfit, misjoin } from "../src/model/fit";
import { find, fitting, shelves } from "../src/model/search";
import type { PortKind } from "../src/model/wire.gen";
import { entry, node, port } from "./samples";

const end = (kind: PortKind, unit = ""): End => ({ kind, unit });

describe("a wire", () => {
  it.each([
    [end("quantity", "mV"), end("quantity", "V")],
    [end("quantity", "°C"), end("quantity", "K")],
    [end("quantity", "V/A"), end("quantity", "ohm")],
    [end("number"), end("quantity", "V")],
    [end("quantity", "furlong"), end("quantity", "V")],
    [end("text"), end("any")],
    [end("any"), end("bool")],
    [end("quantity", "V"), end("trigger")],
    [end("bool"), end("number")],
  ])("%o fits into %o", (from, into) => expect(misfit(from, into)).toBe(""));

  it.each([
    [end("quantity", "s"), end("quantity", "V"), "Seconds do not fit into volts."],
    [end("quantity", "ms"), end("quantity", "mA"), "Seconds do not fit into amperes."],
    [end("text"), end("number"), "Text does not fit into a number."],
    [end("number"), end("bool"), "A number does not fit into an on/off value."],
    [end("trigger"), end("number"), "A trigger does not fit into a number."],
    [end("table"), end("quantity", "V"), "A table does not fit into a quantity."],
  ])("%o does not fit into %o", (from, into, sentence) => expect(misfit(from, into)).toBe(sentence));

  it.each([
    ["dBm", "mW"], ["W", "dBm"], ["dBm", "dBW"], ["dBm/Hz", "W/Hz"], ["dBµV", "mVrms"], ["dB", "Np"], ["dB/m", "dB/km"],
    ["rpm", "Hz"], ["rad/s", "Hz"], ["cps", "Hz"], ["1/min", "rpm"], ["Δ°C", "ΔK"], ["°C/min", "K/s"], ["Δ°C/min", "K/s"],
    ["Torr", "Pa"], ["mTorr", "mbar"], ["sccm", "slm"], ["kΩ", "Ohm"], ["mVpp", "Vpp"], ["G", "mT"], ["Oe", "A/m"],
    ["ppm", "%"], ["%RH", "% r.H."], ["mAh", "C"], ["bar(g)", "mbar(g)"], ["bar(a)", "bar"],
  ])("from %s to %s fits as it does in the worker", (from, into) => {
    expect(misfit(end("quantity", from), end("quantity", into))).toBe("");
  });

  it.each([
    ["Vpp", "Vrms", "waveform"], ["Vrms", "V", "waveform"], ["dBm", "dB", "reference"], ["dBV", "V", "reference"],
    ["dB", "%", "powers or amplitudes"], ["°C", "Δ°C", "no temperature"], ["Δ°C", "K", "no temperature"],
    ["sccm", "m**3/s", "standard conditions"], ["bar(g)", "bar", "pressure around"], ["Oe", "G", "material"],
    ["%RH", "%", "air"], ["VA", "W", "phase"], ["rad", "%", ""], ["cps", "rpm", ""], ["dBm", "Vrms", ""],
  ])("from %s to %s is refused with the reason", (from, into, why) => {
    expect(misfit(end("quantity", from), end("quantity", into))).toMatch(new RegExp(`do not fit into .*${why}`));
  });

  it("joins an output of one node with an input of another", () => {
    const nodes = {
      clock: node("clock", { outputs: [port("t", "quantity", { unit: "s" })] }),
      set: node("set", { inputs: [port("v", "quantity", { unit: "V" })] }),
      rec: node("rec", { node_id: "recorder", grows: true, inputs: [port("v", "quantity", { unit: "V" })] }),
    };
    const out = { node: "clock", port: "t", side: "out" } as const;
    expect(misjoin(nodes, out, { node: "set", port: "v", side: "in" })).toBe("Seconds do not fit into volts.");
    expect(misjoin(nodes, { node: "set", port: "v", side: "in" }, out)).toBe("Seconds do not fit into volts.");
    expect(misjoin(nodes, out, { node: "rec", port: "+", side: "in" })).toBe("");
    expect(misjoin(nodes, out, { node: "rec", port: "v", side: "in" })).toBe("");
    expect(misjoin(nodes, out, { node: "set", port: "+", side: "in" })).toBe("That port is gone.");
    expect(misjoin(nodes, out, { node: "clock", port: "a", side: "in" })).toBe("A node does not feed itself.");
    expect(misjoin(nodes, out, { node: "set", port: "out", side: "out" })).toBe("A wire starts at one output.");
  });
});

it("knows dimensions of products and powers", () => {
  expect(dimension("m*s^-2")).toEqual({ m: 1, s: -2 });
  expect(sameDimension("kW*h", "J")).toBe(true);
  expect(sameDimension("V/s", "V")).toBe(false);
  expect(sameDimension("furlong", "m")).toBeNull();
});

describe("the library", () => {
  const add = entry("Add", { words: ["plus", "sum"], inputs: [{ id: "a", kind: "number", unit: "" }] });
  const sweep = entry("Sweep", { path: ["Scans"], outputs: [{ id: "value", kind: "quantity", unit: "V" }] });
  const set = entry("Set voltage", { path: ["smu"], inputs: [{ id: "on", kind: "bool", unit: "" }, { id: "v", kind: "quantity", unit: "V" }] });
  const library = [add, sweep, set];

  it("is found by title, shelf and other words, best first", () => {
    expect(find(library, "s").map((each) => each.title)).toEqual(["Sweep", "Set voltage", "Add"]);
    expect(find(library, "volt smu")).toEqual([set]);
    expect(find(library, "plus")).toEqual([add]);
    expect(find(library, "nothing")).toEqual([]);
    expect(find(library, " ")).toEqual(library);
  });

  it("is filtered by the wire in the hand, and names the port that takes it", () => {
    const volts = end("quantity", "mV");
    expect(fitting(library, volts, "out")).toEqual([add, set]);
    expect(entryPort(set, volts, "out")).toBe("v");
    expect(fitting(library, volts, "in")).toEqual([sweep]);
    expect(entryPort(sweep, end("text"), "in")).toBeNull();
  });

  it("is laid on shelves in its own order", () => {
    expect(shelves(library).map((shelf) => [shelf.name, shelf.entries.length])).toEqual([["Math", 1], ["Scans", 1], ["smu", 1]]);
  });
});
