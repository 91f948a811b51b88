/** Small views to test with. */

import type { LibraryEntry, NodeView, PortKind, PortView, Snapshot } from "../src/model/wire.gen";

export function port(id: string, kind: PortKind = "number", more: Partial<PortView> = {}): PortView {
  return {
    id, name: id, kind, type: "float", unit: "", min: null, max: null, step: null, options: null, required: true,
    hidden: false, pinned: false, live: false, doc: "", default: null, value: null, quality: "ok", t: null,
    stale: false, applied: true, note: "", period_s: null, u: null, ...more,
  };
}

export function node(id: string, more: Partial<NodeView> = {}): NodeView {
  return {
    id, node_id: "add", title: "Add", name: id, icon: "", doc: "", x: 0, y: 0, inputs: [port("a"), port("b")],
    outputs: [port("out")], policy: "each", state: "idle", duration_s: null, runs: 0, progress: null, problem: null,
    muted: false, missing: "", device: "", member: "", grows: false, body: "", plot: null,
    scope: "", is_frame: false, frame: "", section: "body", subgraph: null, ...more,
  };
}

export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot", worker: "w", session: "s", seq: 7, rev: 3, space: null, spaces: [], nodes: [node("n1"), node("n2")],
    edges: [{ id: "e1", source: "n1", source_port: "out", target: "n2", target_port: "a", note: "" }], devices: [], bench: "",
    run: null, latch: { latched: false, by: "", cause: "", t: null, acks: [] }, watch: { alarms: [], interlocks: [] },
    safety: { causes: [], interlocks: [], waits: [], unreachable: [], warnings: [], asks: [] }, library: [], examples: [], people: [], prompts: [], queue: { armed: false, armed_by: "", why: "", hold: "", approval: false, entries: [] }, log: [], now: 0, ...more,
  };
}

export function entry(title: string, more: Partial<LibraryEntry> = {}): LibraryEntry {
  return { key: title.toLowerCase(), title, path: ["Math"], icon: "", doc: "", words: [], inputs: [], outputs: [], ...more };
}
