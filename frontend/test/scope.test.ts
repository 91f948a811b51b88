import { describe, expect, it } from "vitest";
import { cardWidth } from "../src/model/card";
import { figureDrawing } from "../src/model/curve";
import { crumbs, edgesIn, fitsScope, nearest, nodesIn, scopeOf } from "../src/model/scope";
import type { NodeView } from "../src/model/wire.gen";
import { node } from "./samples";

const subgraph = { nodes: 1, file: "", edited: false, behind: false };
const nodes: Record<string, NodeView> = Object.fromEntries(
  [
    node("s", { name: "Outer", subgraph }),
    node("s/t", { name: "Inner", scope: "s", subgraph }),
    node("s/t/a", { scope: "s/t" }),
    node("b"),
  ].map((each) => [each.id, each]),
);

describe("a subgraph that is open", () => {
  it("shows what is right inside, and no more", () => {
    expect(Object.keys(nodesIn(nodes, ""))).toEqual(["s", "b"]);
    expect(Object.keys(nodesIn(nodes, "s"))).toEqual(["s/t"]);
    expect(nodesIn(nodes, "s/t/a")).toEqual({});
    expect(nodesIn(nodes, "s")).toBe(nodesIn(nodes, "s"));
  });

  it("shows the wires right inside", () => {
    const edge = (id: string, source: string, target: string) => ({ id, source, target, source_port: "o", target_port: "i", note: "" });
    const edges = { one: edge("one", "s", "b"), two: edge("two", "s/t/a", "s/t/c") };
    expect(edgesIn(edges, "").map(({ id }) => id)).toEqual(["one"]);
    expect(edgesIn(edges, "s/t").map(({ id }) => id)).toEqual(["two"]);
    expect(edgesIn(edges, "s")).toEqual([]);
  });

  it("has a way back, the outermost first", () => {
    expect(crumbs(nodes, "s/t")).toEqual([{ scope: "s", name: "Outer" }, { scope: "s/t", name: "Inner" }]);
    expect(crumbs(nodes, "")).toEqual([]);
    expect(scopeOf("s/t/a")).toBe("s/t");
    expect(scopeOf("b")).toBe("");
  });

  it("is left for the nearest that is still there when it goes", () => {
    expect(nearest(nodes, "s/t")).toBe("s/t");
    expect(nearest(nodes, "s/gone/deeper")).toBe("s");
    expect(nearest(nodes, "b")).toBe("");
    expect(nearest({}, "s/t")).toBe("");
  });

  it("alone takes ports of a subgraph", () => {
    expect([fitsScope("subgraph.input", ""), fitsScope("subgraph.output", "s"), fitsScope("add_node", "")]).toEqual([false, true, true]);
  });
});

describe("the body of a card", () => {
  it("makes room for what it shows", () => {
    const [plain, text, picture] = (["", "json", "image"] as const).map((body) => cardWidth(node("n", { body }), []));
    expect(plain).toBeLessThan(text!);
    expect(text).toBeLessThan(picture!);
    expect(plain).toBeLessThan(cardWidth(node("n", { subgraph }), []));
  });

  it("draws curves with gaps where a number is missing", () => {
    const drawing = figureDrawing({ curves: [{ x: [0, 1, 2], y: [1, null, 3000] }], style: "points", title: "", x_label: "Sample", y_label: "V" });
    expect(drawing.current[0]).toMatchObject({ x: [0, 1, 2], y: [1, null, 3000] });
    expect([drawing.x.label, drawing.y.label, drawing.style]).toEqual(["Sample", "Voltage", "points"]);
    expect(drawing.y.high).toBeGreaterThanOrEqual(3000);
    expect(figureDrawing({ curves: [], style: "line", title: "", x_label: "", y_label: "" }).current).toEqual([]);
  });
});
