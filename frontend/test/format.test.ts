import { describe, expect, it } from "vitest";
import { age, clockTime, countdown, duration, exact, fieldValue, inUnit, limits, measured, parseTyped, pausedFor, portText, timeToGo, unitSymbol, whole, withUnit } from "../src/model/format";

describe("a measured value", () => {
  it.each([
    [0.00223, "A", "2.230 mA"],
    [0.688, "V", "0.688 V"],
    [688, "mV", "688 mV"],
    [24.94, "°C", "24.94 °C"],
    [4.2e-9, "A", "4.200 nA"],
    [-0.0123, "V", "−12.30 mV"],
    [1500, "Hz", "1.500 kHz"],
    [2000, "mV", "2.000 V"],
    [0, "A", "0 A"],
    [44, "", "44"],
    [297.9, "K", "297.9 K"],
    [12, "ohm", "12.00 Ω"],
    [Number.NaN, "V", "– V"],
    [Number.POSITIVE_INFINITY, "", "∞"],
  ])("%d %s reads %s", (value, unit, text) => expect(withUnit(measured(value, unit))).toBe(text));
});

describe("a chosen value", () => {
  it.each([
    [0.02, "A", "20 mA"],
    [0.8, "V", "0.8 V"],
    [51, "", "51"],
    [0.1 + 0.2, "V", "0.3 V"],
    [-5, "V", "−5 V"],
    [1e-6, "A", "1 µA"],
    [-0.00001, "", "−1e−5"],
  ])("%d %s reads %s", (value, unit, text) => expect(withUnit(exact(value, unit))).toBe(text));

  it("shows anything else as short text", () => {
    expect(portText(null, "V")).toEqual({ text: "–", unit: "V" });
    expect(portText(true, "")).toEqual({ text: "on", unit: "" });
    expect(portText("idle", "V")).toEqual({ text: "idle", unit: "" });
  });
});

describe("limits", () => {
  it("name both sides once where they share a unit", () => {
    expect(limits(-20, 20, "V")).toBe("−20 to 20 V");
    expect(limits(1e-6, 0.02, "A")).toBe("1 µA to 20 mA");
    expect(limits(0, 0.02, "A")).toBe("0 to 20 mA");
    expect(limits(0, 86_400, "s")).toBe("0 to 86\u00a0400 s");
    expect(limits(1, 1_000_000, "")).toBe("1 to 1\u00a0000\u00a0000");
    expect(limits(0, null, "s")).toBe("from 0 s");
    expect(limits(null, 5, "")).toBe("up to 5");
    expect(limits(null, null, "V")).toBe("");
  });
});

describe("typing", () => {
  it.each([
    ["0.8 V", 0.8, "V"],
    ["800mV", 800, "mV"],
    ["−3", -3, ""],
    ["1,5", 1.5, ""],
    ["1e-3", 1e-3, ""],
    [" .5 µA ", 0.5, "µA"],
    ["+2.", 2, ""],
  ])("%s is %d %s", (text, value, unit) => expect(parseTyped(text)).toEqual({ value, unit }));

  it.each(["", "volts", "1..2", "--1", "1e999"])("%j is no number", (text) => expect(parseTyped(text)).toBeNull());

  it("takes a bare number in the unit that is shown", () => {
    expect(fieldValue("25", "A", "mA")).toBe("25 mA");
    expect(fieldValue("25", "mA", "mA")).toBe(25);
    expect(fieldValue("25", "", "")).toBe(25);
    expect(fieldValue("0.8 V", "mV", "mV")).toBe("0.8 V");
    expect(fieldValue("1,5 V", "V", "V")).toBe("1.5 V");
    expect(fieldValue("soon", "s", "s")).toBe("soon");
  });

  it("converts prefixes and leaves the rest to the worker", () => {
    expect(inUnit({ value: 0.8, unit: "V" }, "mV")).toBe(800);
    expect(inUnit({ value: 3, unit: "" }, "mV")).toBe(3);
    expect(inUnit({ value: 25, unit: "°C" }, "K")).toBeNull();
    expect(inUnit({ value: 1, unit: "s" }, "V")).toBeNull();
  });
});

describe("time", () => {
  it.each([[0.21, "0.2 s"], [9.4, "9.4 s"], [38.2, "38 s"], [240, "4 min"], [7200, "2 h"], [200000, "2 d"], [-1, "0.0 s"]])("%d s ago reads %s", (seconds, text) => expect(age(seconds)).toBe(text));
  it.each([[0.012, "12 ms"], [0.0004, "< 1 ms"], [1.24, "1.2 s"], [75, "1 min"]])("%d s long reads %s", (seconds, text) => expect(duration(seconds)).toBe(text));
  it("counts down", () => {
    expect(countdown(4.2)).toBe("0:04");
    expect(countdown(3723)).toBe("1:02:03");
  });
  it("says what a run still takes, and why it stands still", () => {
    expect(timeToGo({ left_s: 12, left_at_most: false })).toBe("0:12 left");
    expect(timeToGo({ left_s: 12, left_at_most: true })).toBe("at most 0:12 left");
    expect(timeToGo({ left_s: null, left_at_most: true })).toBe("time left unknown");
    expect(pausedFor({ message: "pressure is 7 V, above 5 V" })).toBe("paused: pressure is 7 V, above 5 V");
    expect(pausedFor({ message: "" })).toBe("paused, outputs held");
  });
  it("writes wall time in 24 hours", () => {
    const noon = new Date(2026, 0, 2, 12, 6, 4, 204).getTime() / 1000;
    expect(clockTime(noon)).toBe("12:06:04");
    expect(clockTime(noon, true)).toBe("12:06:04.204");
  });
});

it("groups thousands and spells units", () => {
  expect(whole(2500)).toBe("2\u00a0500");
  expect(whole(999)).toBe("999");
  expect(unitSymbol("degC")).toBe("°C");
  expect(unitSymbol("us")).toBe("µs");
  expect(unitSymbol("V / s")).toBe("V/s");
});
