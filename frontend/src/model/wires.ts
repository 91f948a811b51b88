/** Which ports have a wire: an index over edges, made once per set of edges. */

import type { EdgeView } from "./wire.gen";

export interface Wires {
  /** "node port" of every input with a wire. */
  into: Map<string, EdgeView>;
  /** "node port" of every output with a wire. */
  from: Set<string>;
}

const made = new WeakMap<Record<string, EdgeView>, Wires>();

export function wiresOf(edges: Record<string, EdgeView>): Wires {
  const known = made.get(edges);
  if (known) return known;
  const all = Object.values(edges);
  const wires = {
    into: new Map(all.map((edge) => [`${edge.target} ${edge.target_port}`, edge])),
    from: new Set(all.map((edge) => `${edge.source} ${edge.source_port}`)),
  };
  made.set(edges, wires);
  return wires;
}
