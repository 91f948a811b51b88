/** Which subgraph is open, and what is in it. Names of nodes are paths: "sub/inner". */

import type { EdgeView, NodeView } from "./wire.gen";

export interface Crumb {
  scope: string;
  name: string;
}

/** The name of the subgraph around, "" for the nodespace itself. */
export function scopeOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("/")));
}

/** The subgraphs on the way to a scope, the outermost first. */
export function crumbs(nodes: Record<string, NodeView>, scope: string): Crumb[] {
  if (scope === "") return [];
  return [...crumbs(nodes, scopeOf(scope)), { scope, name: nodes[scope]?.name ?? scope }];
}

/** The scope itself where it is still there, else the nearest around it. */
export function nearest(nodes: Record<string, NodeView>, scope: string): string {
  return scope === "" || nodes[scope]?.subgraph ? scope : nearest(nodes, scopeOf(scope));
}

const shown = new WeakMap<Record<string, NodeView>, Map<string, Record<string, NodeView>>>();

/** The nodes right in a scope; the same object for the same nodes. */
export function nodesIn(nodes: Record<string, NodeView>, scope: string): Record<string, NodeView> {
  let known = shown.get(nodes);
  if (!known) {
    known = byScope(nodes);
    shown.set(nodes, known);
  }
  return known.get(scope) ?? NONE;
}

const NONE: Record<string, NodeView> = {};

function byScope(nodes: Record<string, NodeView>): Map<string, Record<string, NodeView>> {
  const found = new Map<string, Record<string, NodeView>>();
  for (const node of Object.values(nodes)) {
    const own = found.get(node.scope) ?? {};
    own[node.id] = node;
    found.set(node.scope, own);
  }
  return found;
}

/** The wires right in a scope. */
export function edgesIn(edges: Record<string, EdgeView>, scope: string): EdgeView[] {
  return Object.values(edges).filter((edge) => scopeOf(edge.source) === scope);
}

/** Whether a library entry can be put there: ports of a subgraph belong inside one. */
export function fitsScope(key: string, scope: string): boolean {
  return scope !== "" || (key !== "subgraph.input" && key !== "subgraph.output");
}
