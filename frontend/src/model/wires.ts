/** Which ports have a wire: an index over edges, made once per set of edges. */

import type { EdgeView } from "./wire.gen";

/** The ports of one node that have a wire. The same text for the same ports, so that a card need be
 *  drawn anew only where it changes. U+0000 cannot occur in an id. */
export type Wired = string;

export interface Wires {
  /** "node port" of every input with a wire. */
  into: Map<string, EdgeView>;
  /** By node. */
  wired: Map<string, Wired>;
}

const made = new WeakMap<Record<string, EdgeView>, Wires>();

export function wiresOf(edges: Record<string, EdgeView>): Wires {
  const known = made.get(edges);
  if (known) return known;
  const wires: Wires = { into: new Map(), wired: new Map() };
  const ports = new Map<string, Set<string>>();
  for (const edge of Object.values(edges)) {
    wires.into.set(`${edge.target} ${edge.target_port}`, edge);
    note(ports, edge.source, `out:${edge.source_port}`);
    note(ports, edge.target, `in:${edge.target_port}`);
  }
  for (const [node, names] of ports) wires.wired.set(node, `\u0000${[...names].sort().join("\u0000")}\u0000`);
  made.set(edges, wires);
  return wires;
}

function note(ports: Map<string, Set<string>>, node: string, port: string): void {
  const names = ports.get(node) ?? new Set();
  ports.set(node, names.add(port));
}

export function wiredOf(edges: Record<string, EdgeView>, node: string): Wired {
  return wiresOf(edges).wired.get(node) ?? "";
}

export function isWired(wired: Wired, side: "in" | "out", port: string): boolean {
  return wired.includes(`\u0000${side}:${port}\u0000`);
}
