/** What the page knows of a worker, and how events change it.
 *
 *  Pure: a frame gives a new state that shares everything it did not touch. Port values and rows
 *  stream past it into `values.ts` and `rows.ts`, since they change too often to be state.
 */

import type {
  DeviceView, EdgeView, Event, ExampleView, LatchView, LibraryEntry, LogLine, NodeView, PersonView, PortKind, PromptView, QueueView, RunView, SafetyView,
  Snapshot, SpaceView, WatchView,
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
  prompts: PromptView[];
  queue: QueueView;
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
    prompts: snapshot.prompts,
    queue: snapshot.queue,
    log: snapshot.log,
  };
}

/** Apply events in order. However many they are, nodes and edges are copied once. */
export function applyEvents(graph: Graph, events: readonly Event[]): Graph {
  const own: Own = new Set();
  return events.reduce((before, event) => applyEvent(before, event, own), graph);
}

/** Collections that were made for this batch, and so may be changed in place. */
type Own = Set<object>;

function applyEvent(graph: Graph, event: Event, own: Own): Graph {
  switch (event.type) {
    case "node":
      return { ...graph, nodes: having(graph.nodes, event.node.id, event.node, own) };
    case "node_gone":
      return { ...graph, nodes: without(graph.nodes, event.id, own) };
    case "status": {
      const node = graph.nodes[event.id];
      if (!node) return graph;
      const { type: _, ...status } = event;
      return { ...graph, nodes: having(graph.nodes, node.id, { ...node, ...status }, own) };
    }
    case "edge":
      return { ...graph, edges: having(graph.edges, event.edge.id, event.edge, own) };
    case "edge_gone":
      return { ...graph, edges: without(graph.edges, event.id, own) };
    case "device":
      return { ...graph, devices: having(graph.devices, event.device.name, event.device, own) };
    case "device_gone":
      return { ...graph, devices: without(graph.devices, event.name, own) };
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
    case "prompts":
      return { ...graph, prompts: event.prompts };
    case "queue":
      return { ...graph, queue: event.queue };
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

function having<T>(items: Record<string, T>, key: string, item: T, own: Own): Record<string, T> {
  const mine = owned(items, own);
  mine[key] = item;
  return mine;
}

function without<T>(items: Record<string, T>, key: string, own: Own): Record<string, T> {
  const mine = owned(items, own);
  delete mine[key];
  return mine;
}

function owned<T>(items: Record<string, T>, own: Own): Record<string, T> {
  if (own.has(items)) return items;
  const copy = { ...items };
  own.add(copy);
  return copy;
}

/** The edge that ends in an input, where there is one. */
export function edgeInto(graph: Graph, node: string, port: string): EdgeView | undefined {
  return Object.values(graph.edges).find((edge) => edge.target === node && edge.target_port === port);
}

/** What an output gives, "any" where there is none of that name. */
export function kindOf(node: NodeView | undefined, output: string): PortKind {
  return node?.outputs.find((port) => port.id === output)?.kind ?? "any";
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
  return run && (isRunning(run) || isOf(run, space)) ? run : null;
}

/** Whether a run is of this nodespace, or a copy of it, as far as anybody can tell. */
export function isOf(run: RunView, space: SpaceView | null): boolean {
  return !space || run.nodespace === "" || run.nodespace === space.name || run.nodespace === space.title;
}

/** The run whose rows this nodespace's plots show: not one that the queue runs of another. */
export function drawnRun(graph: Pick<Graph, "run" | "space"> | null, runs: readonly RunView[]): RunView | null {
  if (!graph) return null;
  if (graph.run && isOf(graph.run, graph.space)) return graph.run;
  return (graph.run && runs.find((each) => isOf(each, graph.space))) || null;
}

/** Whether anything acts, or may act by itself: what Stop is for. */
export function canStop(graph: Pick<Graph, "run" | "space" | "nodes"> | null): boolean {
  if (!graph) return false;
  if (isRunning(graph.run)) return true; // also of the queue, beside whatever is open
  if (!graph.space) return false;
  if (graph.space.arming !== "disarmed") return true;
  return Object.values(graph.nodes).some(({ state }) => state === "running" || state === "queued");
}

/** What the Stop button does to a run that is on: the next graver verb than what ends it. */
export function nextStop(run: RunView | null): "stop" | "abort" | "halt" {
  if (run?.state !== "stopping") return "stop";
  return run.ending === "abort" || run.ending === "halt" ? "halt" : "abort";
}

export function isRunning(run: RunView | null): boolean {
  return run !== null && (run.state === "running" || run.state === "paused" || run.state === "stopping");
}
