import { describe, expect, it } from "vitest";
import { CARD, cardWidth } from "../src/model/card";
import { freePlace } from "../src/model/place";
import { PortValues } from "../src/model/values";
import { ackWords, compactMark, errorTitle } from "../src/model/words";
import { isWired, wiredOf, wiresOf } from "../src/model/wires";
import type { DeviceView, PortValue } from "../src/model/wire.gen";
import { node, port } from "./samples";

const value = (n: number): PortValue => ["n", "out", n, "ok", n, false, true, "", null];

describe("port values", () => {
  it("tell a listener once per flush, of the newest value", () => {
    let asked = 0;
    const values = new PortValues(() => asked++);
    const seen: unknown[] = [];
    const off = values.subscribe("n", "out", () => seen.push(values.get("n", "out").value));
    values.subscribe("n", "other", () => seen.push("other"));
    [1, 2, 3].forEach((n) => values.put(value(n)));
    values.flush();
    expect([seen, asked]).toEqual([[3], 3]);
    off();
    values.put(value(4));
    values.flush();
    expect(seen).toEqual([3]);
  });

  it("keep one object until a value changes, and know nothing of an unknown port", () => {
    const values = new PortValues(() => undefined);
    values.putNode(node("n", { outputs: [port("out", "quantity", { value: 2, quality: "compliance", stale: true })] }));
    expect(values.get("n", "out")).toBe(values.get("n", "out"));
    expect(values.get("n", "out")).toMatchObject({ value: 2, quality: "compliance", stale: true });
    expect(values.get("n", "nope")).toMatchObject({ value: null, t: null });
  });
});

it("indexes wires once per set of edges", () => {
  const edges = { e: { id: "e", source: "a", source_port: "out", target: "b", target_port: "in", note: "" } };
  expect(wiresOf(edges)).toBe(wiresOf(edges));
  expect(wiresOf(edges).into.get("b in")?.id).toBe("e");
  expect([isWired(wiredOf(edges, "a"), "out", "out"), isWired(wiredOf(edges, "b"), "in", "in")]).toEqual([true, true]);
  expect([isWired(wiredOf(edges, "a"), "in", "out"), isWired(wiredOf(edges, "b"), "in", "i"), isWired(wiredOf(edges, "c"), "in", "in")]).toEqual([false, false, false]);
});

describe("words", () => {
  const device = (more: Partial<DeviceView>): DeviceView => ({
    name: "smu", driver: "d", model: "", serial: "", address: "", state: "busy", output_on: true, simulated: true, message: "", changed: false, safe_state: "", parameters: [], ...more,
  });

  it("let Output ON win in compact views, except over a device that did not answer", () => {
    expect(compactMark(device({})).word).toBe("Output ON");
    expect(compactMark(device({ output_on: null })).word).toBe("Busy");
    expect(compactMark(device({ state: "unanswered" })).word).toBe("No answer");
  });

  it("make a kind of error readable", () => {
    expect(errorTitle("DeviceTimeout")).toBe("Device timeout");
    expect(errorTitle("ZeroDivisionError")).toBe("Zero division");
    expect(errorTitle("Error")).toBe("Error");
  });

  it("say of each device what became of it at an E-STOP", () => {
    expect(ackWords({ device: "smu", state: "off", ms: 14, message: "" })).toMatchObject({ time: "14 ms", bad: false });
    expect(ackWords({ device: "smu", state: "sent", ms: 3.2, message: "" })).toMatchObject({ time: "3.2 ms", sentence: "Sent, not confirmed." });
    expect(ackWords({ device: "dmm", state: "unanswered", ms: 1204, message: "" })).toMatchObject({ time: "no answer, 1204 ms", sentence: "Switch it off by hand.", bad: true });
    expect(ackWords({ device: "dmm", state: "pending", ms: null, message: "" }).bad).toBe(false);
  });
});

describe("a card", () => {
  it("is as wide as its names need, whatever its state and values", () => {
    const card = node("n", { name: "Read temperature" });
    const width = cardWidth(card, card.inputs);
    expect(width).toBeGreaterThan(CARD);
    expect(cardWidth({ ...card, state: "running", duration_s: 12.5 }, [port("a", "number", { value: 1e9 }), port("b")])).toBe(width);
    expect(cardWidth(node("n", { name: "Add" }), [])).toBe(CARD);
    expect(cardWidth(node("n", { name: "x".repeat(200) }), [])).toBeLessThan(300);
  });
});

describe("a new card", () => {
  const size = { width: 184, height: 130 };

  it("takes the place that is wanted where it is free", () => {
    expect(freePlace({ x: 10.4, y: 20, ...size }, [])).toEqual({ x: 10, y: 20 });
  });

  it("moves aside from cards that are there, not far", () => {
    const there = [{ x: 0, y: 0, ...size }];
    const place = freePlace({ x: 0, y: 0, ...size }, there);
    expect(Math.abs(place.x) >= 184 || Math.abs(place.y) >= 130).toBe(true);
    expect(Math.hypot(place.x, place.y)).toBeLessThan(260);
  });
});
