import { describe, expect, it } from "vitest";
import { applyEvents, drawnRun, edgeInto, fromSnapshot, LOG_LINES, nextStop, ownRun, simBadge } from "../src/model/graph";
import type { DeviceView, Event, LogLine, RunView, SpaceView } from "../src/model/wire.gen";
import { node, snapshot } from "./samples";

const start = () => fromSnapshot(snapshot());
const device = (name: string, simulated: boolean): DeviceView => ({
  name, driver: "d", model: "", serial: "", address: "", state: "idle", output_on: null, simulated, message: "", changed: false, safe_state: "", parameters: [],
});

describe("events", () => {
  it("put, change and drop nodes and wires in order", () => {
    const graph = applyEvents(start(), [
      { type: "node", node: node("n3", { x: 5 }) },
      { type: "edge", edge: { id: "e2", source: "n2", source_port: "out", target: "n3", target_port: "a", note: "×0.001" } },
      { type: "edge_gone", id: "e1" },
      { type: "node_gone", id: "n1" },
    ]);
    expect(Object.keys(graph.nodes)).toEqual(["n2", "n3"]);
    expect(Object.keys(graph.edges)).toEqual(["e2"]);
    expect(edgeInto(graph, "n3", "a")?.note).toBe("×0.001");
  });

  it("let a later node of the same frame win", () => {
    const graph = applyEvents(start(), [{ type: "node", node: node("n1", { x: 1 }) }, { type: "node", node: node("n1", { x: 2 }) }]);
    expect(graph.nodes.n1?.x).toBe(2);
  });

  it("change only the status of a node that is still there", () => {
    const before = start();
    const status: Event = { type: "status", id: "n1", state: "running", duration_s: 0.1, runs: 4, progress: { done: 1, total: 2, text: "" }, problem: null };
    const graph = applyEvents(before, [status, { ...status, id: "gone" }]);
    expect(graph.nodes.n1).toMatchObject({ state: "running", runs: 4, name: "n1", inputs: before.nodes.n1?.inputs });
    expect(graph.nodes.n1).not.toHaveProperty("type");
    expect(graph.nodes.n2).toBe(before.nodes.n2);
    expect(graph.nodes.gone).toBeUndefined();
  });

  it("replace everything drawn at a reset and keep the rest", () => {
    const before = start();
    const graph = applyEvents(before, [{ type: "reset", nodes: [node("x")], edges: [] }]);
    expect(Object.keys(graph.nodes)).toEqual(["x"]);
    expect(graph.edges).toEqual({});
    expect(graph.latch).toBe(before.latch);
  });

  it("never change the state before them", () => {
    const before = start();
    const copy = structuredClone(before);
    applyEvents(before, [{ type: "node_gone", id: "n1" }, { type: "run", run: null }, { type: "library", library: [] }]);
    expect(before).toEqual(copy);
  });

  it("leave the state as it is where only values and rows stream by", () => {
    const before = start();
    expect(applyEvents(before, [{ type: "values", values: [["n1", "out", 1, "ok", 1, false, true, "", null]] }, { type: "rows", run: "r", recorder: "c", start: 0, columns: [], data: [], stop: 0, recorders: [] }])).toBe(before);
  });

  it("keep the newest lines of the log", () => {
    const lines = Array.from({ length: LOG_LINES + 5 }, (_, i): LogLine => ({ t: i, level: "info", source: "run", text: String(i), safety: false }));
    const { log } = applyEvents(start(), [{ type: "log", lines }]);
    expect(log).toHaveLength(LOG_LINES);
    expect(log.at(-1)?.text).toBe(String(LOG_LINES + 4));
  });

  it("survive one that this page does not know", () => {
    const before = start();
    expect(applyEvents(before, [{ type: "from-the-future" } as unknown as Event])).toBe(before);
  });
});

it("says how much of the bench is simulated", () => {
  expect(simBadge({})).toBe("");
  expect(simBadge({ a: device("a", false) })).toBe("");
  expect(simBadge({ a: device("a", true), b: device("b", true) })).toBe("SIM bench");
  expect(simBadge({ a: device("a", true), b: device("b", false) })).toBe("SIM 1 of 2");
});

it("shows a run that has ended only in the nodespace it was of", () => {
  const space = { name: "diode-iv", title: "Diode" } as SpaceView;
  const run = (state: RunView["state"], nodespace: string) => ({ state, nodespace }) as RunView;
  expect(ownRun({ space, run: run("complete", "Diode") })).not.toBeNull();
  expect(ownRun({ space, run: run("complete", "diode-iv") })).not.toBeNull();
  expect(ownRun({ space, run: run("complete", "other") })).toBeNull();
  expect(ownRun({ space, run: run("running", "other") })).not.toBeNull();
  expect(ownRun({ space, run: null })).toBeNull();
});

it("draws no rows of what the queue runs of another nodespace", () => {
  const space = { name: "diode-iv", title: "Diode" } as SpaceView;
  const run = (id: string, nodespace: string) => ({ id, state: "running", nodespace }) as RunView;
  const runs = [run("3", "other"), run("2", "Diode"), run("1", "Diode")];
  expect(drawnRun({ space, run: run("4", "Diode") }, runs)?.id).toBe("4");
  expect(drawnRun({ space, run: run("4", "other") }, runs)?.id).toBe("2");
  expect(drawnRun({ space, run: run("4", "other") }, [])).toBeNull();
  expect(drawnRun({ space, run: null }, runs)).toBeNull();
});

it("stops a run more gravely each time", () => {
  const run = (state: RunView["state"], ending: RunView["ending"]) => ({ state, ending }) as RunView;
  expect(nextStop(null)).toBe("stop");
  expect(nextStop(run("running", ""))).toBe("stop");
  expect(nextStop(run("stopping", "stop"))).toBe("abort");
  expect(nextStop(run("stopping", ""))).toBe("abort");
  expect(nextStop(run("stopping", "abort"))).toBe("halt");
  expect(nextStop(run("stopping", "halt"))).toBe("halt");
});
