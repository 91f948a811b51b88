/** What the page knows of a worker, and how events change it.
 *
 *  Pure: a frame gives a new state that shares everything it did not touch. Port values and rows
 *  stream past it into `values.ts` and `rows.ts`, since they change too often to be state.
 */

import type {
  DeviceView, EdgeView, Event, ExampleView, LatchView, LibraryEntry, LogLine, NodeView, PersonView, RunView, SafetyView, Snapshot,
  SpaceView, WatchView,
} from "./wire.gen";

export const LOG_LINES = 1000;

export interface Graph {
  worker: string;
  space: SpaceView | null;
  spaces: string[];
  nodes: Record<string, NodeView>;
  edges: Record<string, EdgeView>;
  devices: Record<string, DeviceView>;
  bench: string;
  run: RunView | null;
  latch: LatchView;
  watch: WatchView;
  safety: SafetyView;
  library: LibraryEntry[];
  examples: ExampleView[];
  people: PersonView[];
  log: LogLine[];
}

export function fromSnapshot(snapshot: Snapshot): Graph {
  return {
    worker: snapshot.worker,
    space: snapshot.space,
    spaces: snapshot.spaces,
    nodes: keyed(snapshot.nodes, (n) => n.id),
    edges: keyed(snapshot.edges, (e) => e.id),
    devices: keyed(snapshot.devices, (d) => d.name),
    bench: snapshot.bench,
    run: snapshot.run,
    latch: snapshot.latch,
    watch: snapshot.watch,
    safety: snapshot.safety,
    library: snapshot.library,
    examples: snapshot.examples,
    people: snapshot.people,
    log: snapshot.log,
  };
}

/** Apply a frame's events in order. */
export function applyEvents(graph: Graph, events: readonly Event[]): Graph {
  return events.reduce(applyEvent, graph);
}

function applyEvent(graph: Graph, event: Event): Graph {
  switch (event.type) {
    case "node":
      return { ...graph, nodes: { ...graph.nodes, [event.node.id]: event.node } };
    case "node_gone":
      return { ...graph, nodes: without(graph.nodes, event.id) };
    case "status": {
      const node = graph.nodes[event.id];
      if (!node) return graph;
      const { type: _, ...status } = event;
      return { ...graph, nodes: { ...graph.nodes, [node.id]: { ...node, ...status } } };
    }
    case "edge":
      return { ...graph, edges: { ...graph.edges, [event.edge.id]: event.edge } };
    case "edge_gone":
      return { ...graph, edges: without(graph.edges, event.id) };
    case "device":
      return { ...graph, devices: { ...graph.devices, [event.device.name]: event.device } };
    case "device_gone":
      return { ...graph, devices: without(graph.devices, event.name) };
    case "run":
      return { ...graph, run: event.run };
    case "latch":
      return { ...graph, latch: event.latch };
    case "watch":
      return { ...graph, watch: event.watch };
    case "safety":
      return { ...graph, safety: event.safety };
    case "space":
      return { ...graph, space: event.space, spaces: event.spaces };
    case "library":
      return { ...graph, library: event.library };
    case "people":
      return { ...graph, people: event.people };
    case "log":
      return { ...graph, log: [...graph.log, ...event.lines].slice(-LOG_LINES) };
    case "reset":
      return { ...graph, nodes: keyed(event.nodes, (n) => n.id), edges: keyed(event.edges, (e) => e.id) };
    case "values":
    case "rows":
      return graph;
    default:
      return unknownEvent(event, graph);
  }
}

/** A newer worker may say more than this page knows; what it knows stays right. */
function unknownEvent(_event: never, graph: Graph): Graph {
  return graph;
}

function keyed<T>(items: readonly T[], key: (item: T) => string): Record<string, T> {
  return Object.fromEntries(items.map((item) => [key(item), item]));
}

function without<T>(items: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = items;
  return rest;
}

/** The edge that ends in an input, where there is one. */
export function edgeInto(graph: Graph, node: string, port: string): EdgeView | undefined {
  return Object.values(graph.edges).find((edge) => edge.target === node && edge.target_port === port);
}

/** "SIM bench", "SIM 3 of 8", or "" where nothing is simulated. */
export function simBadge(devices: Record<string, DeviceView>): string {
  const all = Object.values(devices);
  const simulated = all.filter((device) => device.simulated).length;
  if (simulated === 0) return "";
  return simulated === all.length ? "SIM bench" : `SIM ${simulated} of ${all.length}`;
}

/** The run on show, unless it has ended and was another nodespace's. */
export function ownRun({ run, space }: Pick<Graph, "run" | "space">): RunView | null {
  if (!run || !space || isRunning(run) || run.nodespace === "") return run;
  return run.nodespace === space.name || run.nodespace === space.title ? run : null;
}

export function isRunning(run: RunView | null): boolean {
  return run !== null && (run.state === "running" || run.state === "paused" || run.state === "stopping");
}
