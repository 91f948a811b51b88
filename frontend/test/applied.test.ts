import { describe, expect, it } from "vitest";
import { hasSaid, isLate, saidOf } from "../src/model/applied";
import { canStop } from "../src/model/graph";
import { takenOver } from "../src/model/people";
import type { DeviceView, PersonView, RunView, SpaceView } from "../src/model/wire.gen";
import { node } from "./samples";

const smu = (more: Partial<DeviceView> = {}): DeviceView => ({
  name: "smu", driver: "", model: "", serial: "", address: "", state: "idle", output_on: true, simulated: true, message: "",
  changed: false, safe_state: "",
  parameters: [{ name: "output", title: "Output", kind: "control", unit: "", min: null, max: null, value: true, doc: "", quality: "ok", t: 1, note: "", period_s: null }],
  ...more,
});

describe("what a device says of a setting (A1a)", () => {
  const card = { node_id: "device.set", device: "smu", member: "output" };
  it("is what it was set to or read as last", () => {
    expect(hasSaid(card, "value")).toBe(true);
    expect(saidOf(card, smu())?.value).toBe(true);
  });
  it("is nothing while it cannot be reached, or was never asked", () => {
    expect(saidOf(card, smu({ state: "offline" }))).toBeNull();
    expect(saidOf({ member: "voltage" }, smu())).toBeNull();
    expect(saidOf(card, undefined)).toBeNull();
  });
  it("is for cards that set it, and their value only", () => {
    expect(hasSaid({ ...card, node_id: "device.read" }, "value")).toBe(false);
    expect(hasSaid(card, "other")).toBe(false);
  });
});

describe("a reading", () => {
  it("is late past twice its period, with a second for short ones", () => {
    expect(isLate(100, 5, 109)).toBe(false);
    expect(isLate(100, 5, 111)).toBe(true);
    expect(isLate(100, 0.1, 101)).toBe(false);
    expect(isLate(100, 0.1, 101.2)).toBe(true);
  });
  it("without a period, or never taken, is not late", () => {
    expect(isLate(0, null, 1e9)).toBe(false);
    expect(isLate(null, 1, 1e9)).toBe(false);
  });
});

describe("Stop", () => {
  const space = (arming: SpaceView["arming"]) => ({ arming }) as SpaceView;
  const run = (state: RunView["state"]) => ({ state }) as RunView;
  it("is there while a run is on, while Live is on, and while a node is carried out", () => {
    expect(canStop({ run: run("paused"), space: space("running"), nodes: {} })).toBe(true);
    expect(canStop({ run: null, space: space("live"), nodes: {} })).toBe(true);
    expect(canStop({ run: run("complete"), space: space("disarmed"), nodes: { a: node("a", { state: "running" }) } })).toBe(true);
  });
  it("is not there where nothing acts", () => {
    expect(canStop({ run: run("complete"), space: space("disarmed"), nodes: { a: node("a") } })).toBe(false);
    expect(canStop(null)).toBe(false);
  });
});

describe("taking over", () => {
  const person = (id: string, holder: boolean): PersonView => ({ id, name: id.toUpperCase(), role: "operator", holder });
  const before = [person("a", true), person("b", false), person("e", false)];
  const after = [person("a", false), person("b", true), person("e", false)];
  it("is told to whoever took, whoever lost and whoever watches", () => {
    expect(takenOver(before, after, "b")).toBe("You took the controls over from A.");
    expect(takenOver(before, after, "a")).toBe("B took the controls over from you.");
    expect(takenOver(before, after, "e")).toBe("B took the controls over from A.");
  });
  it("is nothing where nobody held them, or the same one still does", () => {
    expect(takenOver([person("a", false)], [person("a", true)], "a")).toBe("");
    expect(takenOver(before, before, "a")).toBe("");
  });
});
