/** Frames and subgraphs: what is open, what holds what, and what is shared. */

import { nodesIn, scopeOf } from "../model/scope";
import type { Section } from "../model/wire.gen";
import { command } from "./commands";
import { get, set, toast } from "./editor";

export interface Held {
  frame: string;
  section: Section;
}

/** Show what is inside a subgraph, or the nodespace itself for "". */
export function openScope(scope: string): void {
  const { scope: before } = get();
  if (scope === before) return;
  // Coming back, the subgraph one comes from is selected, so that one sees where one is.
  const back = before.startsWith(scope === "" ? "" : `${scope}/`) ? step(before, scope) : "";
  set({ scope, selection: back && get().graph?.nodes[back] ? [back] : [], palette: null, wireInHand: null, drag: null });
}

/** The subgraph right in `scope` that leads to `inner`. */
function step(inner: string, scope: string): string {
  const above = scopeOf(inner);
  return above === scope ? inner : step(above, scope);
}

export function leaveScope(): void {
  const { scope } = get();
  if (scope !== "") openScope(scopeOf(scope));
}

export async function makeSubgraph(): Promise<void> {
  const { selection, graph, scope } = get();
  const nodes = nodesIn(graph?.nodes ?? {}, scope);
  const ids = selection.filter((id) => nodes[id] && !isGate(id));
  if (!ids.length) {
    toast("Select the nodes that are to become a subgraph first.", "", "info");
    return;
  }
  const answer = await command({ type: "make_subgraph", ids });
  if (typeof answer?.result === "string") set({ selection: [answer.result] });
}

/** Whether a node is a port of the subgraph that is open. */
export function isGate(id: string): boolean {
  const kind = get().graph?.nodes[id]?.node_id;
  return kind === "subgraph.input" || kind === "subgraph.output";
}

export async function dissolve(id: string): Promise<void> {
  const answer = await command({ type: "dissolve", id });
  if (Array.isArray(answer?.result)) set({ selection: answer.result as string[] });
}

export async function saveSubgraph(id: string, name: string, replace: boolean): Promise<void> {
  const answer = await command({ type: "save_subgraph", id, name, replace });
  if (answer) toast(`Saved as “${String(answer.result)}”. The shelf Subgraphs lists it.`, "", "info");
}

export function putIn(ids: string[], held: Held | null, places: Array<{ x: number; y: number }> = []): Promise<unknown> {
  const { x, y } = { x: places.map((place) => place.x), y: places.map((place) => place.y) };
  return command({ type: "put_in", ids, frame: held?.frame ?? "", section: held?.section ?? "body", x, y });
}

export const updateSubgraph = (id: string) => void command({ type: "update_subgraph", id });
export const promote = (node: string, port: string) => void command({ type: "promote", node, port });
export const demote = (node: string, port: string) => void command({ type: "demote", node, port });
