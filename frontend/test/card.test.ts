import { describe, expect, it } from "vitest";
import { shapeOf } from "../src/model/card";
import { wiredOf } from "../src/model/wires";
import { node, port } from "./samples";

const edge = (target_port: string) => ({ e: { id: "e", source: "m", source_port: "out", target: "n", target_port, note: "" } });

describe("the shape of a card", () => {
  it("has a spot per port: wider rows for what is set by hand, narrower ones for what a wire brings", () => {
    const card = node("n");
    expect(shapeOf(card, "").spots).toEqual([
      { id: "in:a", side: "in", x: 0.5, y: 51 },
      { id: "in:b", side: "in", x: 0.5, y: 79 },
      { id: "out:out", side: "out", x: 183.5, y: 114 },
    ]);
    expect(shapeOf(card, wiredOf(edge("a"), "n")).spots.map(({ y }) => y)).toEqual([49, 75, 110]);
    expect(shapeOf(card, "").height).toBe(131);
  });

  it("leaves out hidden ports until they have a wire", () => {
    const card = node("n", { inputs: [port("a"), port("go", "trigger", { hidden: true })] });
    expect(shapeOf(card, "").spots.map(({ id }) => id)).toEqual(["in:a", "out:out"]);
    expect(shapeOf(card, wiredOf(edge("go"), "n")).spots.map(({ id }) => id)).toEqual(["in:a", "in:go", "out:out"]);
  });

  it("makes room for the device where no port stands for it, and for a port that grows", () => {
    const [bare, device, grows] = [node("n"), node("n", { device: "smu" }), node("n", { grows: true })];
    expect(shapeOf(device, "").ports - shapeOf(bare, "").ports).toBe(24);
    expect(shapeOf(device, "").spots).toHaveLength(3);
    expect(shapeOf(grows, "").spots.map(({ id }) => id)).toContain("in:+");
  });

  it("starts with the outputs where there is no input", () => {
    expect(shapeOf(node("n", { inputs: [] }), "").spots).toEqual([{ id: "out:out", side: "out", x: 183.5, y: 49 }]);
  });

  it("is one object for all alike, and stays so while the node runs", () => {
    expect(shapeOf(node("n"), "")).toBe(shapeOf(node("m"), ""));
    expect(shapeOf(node("n", { state: "running", runs: 7, duration_s: 3 }), "")).toBe(shapeOf(node("n"), ""));
    expect(shapeOf(node("n", { grows: true }), "")).not.toBe(shapeOf(node("n"), ""));
  });
});
