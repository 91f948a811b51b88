/** Edits of the graph, each a command with an inverse; and the clipboard. */

import { endOf, entryPort, type WireEnd } from "../model/fit";
import { edgeInto } from "../model/graph";
import { scopeOf } from "../model/scope";
import type { LibraryEntry, Policy } from "../model/wire.gen";
import { command, live, report, sentence } from "./commands";
import { get, set, toast } from "./editor";
import { LinkLost } from "./link";
import { remember } from "./memory";
import type { Held } from "./nesting";

/** Set an input. Returns the worker's sentence where it was refused, else "".
 *
 *  @param made The revision on which somebody began to type it.
 */
export async function setValue(node: string, port: string, value: unknown, made?: number): Promise<string> {
  try {
    const link = live();
    if (!link) throw new LinkLost("There is no connection to the worker.");
    await link.send({ type: "set_value", node, port, value }, made);
    return "";
  } catch (error) {
    report(error);
    return sentence(error);
  }
}

export async function addNode(entry: LibraryEntry, x: number, y: number, wire: WireEnd | null = null, held: Held | null = null): Promise<void> {
  const place = held ? { frame: held.frame, section: held.section } : {};
  const answer = await command({ type: "add_node", key: entry.key, x, y, scope: get().scope, ...place });
  if (typeof answer?.result !== "string") return;
  remember.used(entry.key);
  set({ selection: [answer.result] });
  const end = wire && get().graph ? endOf(get().graph?.nodes[wire.node], wire) : null;
  const port = wire && end ? entryPort(entry, end, wire.side) : null;
  if (wire && port) connect(wire, { node: answer.result, port, side: wire.side === "out" ? "in" : "out" });
}

export function connect(a: WireEnd, b: WireEnd): void {
  const [from, into] = a.side === "out" ? [a, b] : [b, a];
  void command({ type: "connect", source: from.node, source_port: from.port, target: into.node, target_port: into.port });
}

export function disconnect(edge: string): void {
  void command({ type: "disconnect", edge });
}

export function disconnectInput(node: string, port: string): void {
  const { graph } = get();
  const edge = graph ? edgeInto(graph, node, port) : undefined;
  if (edge) disconnect(edge.id);
}

export function removeSelected(edges: string[]): void {
  const { selection } = get();
  if (selection.length || edges.length) void command({ type: "remove_nodes", ids: selection, edges });
}

export function moveNodes(moved: Array<{ id: string; x: number; y: number }>, made?: number): Promise<unknown> {
  const [x, y] = [moved.map((each) => each.x), moved.map((each) => each.y)];
  return command({ type: "move_nodes", ids: moved.map((each) => each.id), x, y }, made);
}

let pastes = 0;

export function copySelected(): void {
  const { selection } = get();
  if (!selection.length) return;
  pastes = 0;
  set({ clipboard: selection });
}

export async function paste(): Promise<void> {
  const { clipboard, graph, scope } = get();
  const ids = clipboard.filter((id) => graph?.nodes[id]);
  if (ids.some((id) => scopeOf(id) !== scope)) {
    toast("The copied nodes are in another subgraph.", "Paste them there, or save them as a subgraph.", "info");
    return;
  }
  if (clipboard.length && !ids.length) toast("The copied nodes are gone, so there is nothing to paste.", "", "info");
  if (ids.length) await duplicate(ids, ++pastes);
}

export async function duplicate(ids: string[], step = 1): Promise<void> {
  if (!ids.length) return;
  const answer = await command({ type: "duplicate", ids, dx: 32 * step, dy: 32 * step });
  if (Array.isArray(answer?.result)) set({ selection: answer.result as string[] });
}

export function pin(node: string, port: string): void {
  const view = get().graph?.nodes[node];
  const found = view && [...view.inputs, ...view.outputs].find((each) => each.id === port);
  if (found) void command({ type: "set_port", node, port, pinned: !found.pinned });
}

export const undo = () => void command({ type: "undo" });
export const redo = () => void command({ type: "redo" });
export const retry = (id: string) => void command({ type: "trigger", id });
export const setPolicy = (id: string, policy: Policy) => void command({ type: "set_policy", id, policy });
export const rename = (id: string, name: string) => void command({ type: "rename", id, name });
export const setPlot = (id: string, x: string, y: string[]) => void command({ type: "set_plot", id, x, y });
