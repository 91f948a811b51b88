import { beforeAll, beforeEach, expect, it, vi } from "vitest";
import { node } from "./samples";

// The page's state looks at the address it is opened at.
let editor: typeof import("../src/store/editor");

beforeAll(async () => {
  vi.stubGlobal("location", { pathname: "/", search: "" });
  editor = await import("../src/store/editor");
});

beforeEach(() => {
  const nodes = Object.fromEntries(["a", "b", "sub", "sub/c"].map((id) => [id, node(id, { scope: id.includes("/") ? "sub" : "" })]));
  editor.set({ graph: { nodes, edges: {} } as never, scope: "", selection: [] });
});

it("Ctrl+A selects all that is open, in the state that every key reads", () => {
  editor.selectAll();
  expect(editor.get().selection).toEqual(["a", "b", "sub"]);
});

it("within a subgraph it selects what is inside, and nothing outside", () => {
  editor.set({ scope: "sub" });
  editor.selectAll();
  expect(editor.get().selection).toEqual(["sub/c"]);
});

it("a click then selects one", () => {
  editor.selectAll();
  editor.selectOnly("b");
  expect(editor.get().selection).toEqual(["b"]);
});

it("without a graph there is nothing to select", () => {
  editor.set({ graph: null });
  editor.selectAll();
  expect(editor.get().selection).toEqual([]);
});
