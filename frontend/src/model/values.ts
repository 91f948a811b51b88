/** The newest value of every port, outside of any view's state.
 *
 *  A listener of a port is told at most once per flush, however many values came in between.
 */

import type { NodeView, PortValue, Quality } from "./wire.gen";

export interface Value {
  value: unknown;
  quality: Quality;
  t: number | null;
  stale: boolean;
  applied: boolean;
  /** Why it is of no present state, such as "output off", or "". */
  note: string;
  /** Standard uncertainty, in its unit; null where it carries none. */
  u: number | null;
}

export type PortSide = "in" | "out";
const NOTHING: Value = { value: null, quality: "ok", t: null, stale: false, applied: true, note: "", u: null };

export class PortValues {
  private readonly values = new Map<string, Value>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly dirty = new Set<string>();

  /** `soon` is told when there is something to flush; it calls `flush` when the view is ready. */
  constructor(private readonly soon: () => void) {}

  get(node: string, port: string): Value {
    return this.values.get(key(node, port)) ?? NOTHING;
  }

  put([node, port, value, quality, t, stale, applied, note, u]: PortValue): void {
    this.set(key(node, port), { value, quality, t, stale, applied, note, u });
  }

  /** Everything a node's view says of its ports. */
  putNode(node: NodeView): void {
    for (const port of [...node.inputs, ...node.outputs]) {
      const { value, quality, t, stale, applied, note, u } = port;
      this.set(key(node.id, port.id), { value, quality, t, stale, applied, note, u });
    }
  }

  clear(): void {
    for (const name of this.values.keys()) this.dirty.add(name);
    this.values.clear();
    if (this.dirty.size) this.soon();
  }

  subscribe(node: string, port: string, listener: () => void): () => void {
    const name = key(node, port);
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known.add(listener));
    return () => {
      known.delete(listener);
      if (known.size === 0 && this.listeners.get(name) === known) this.listeners.delete(name);
    };
  }

  flush(): void {
    const names = [...this.dirty];
    this.dirty.clear();
    for (const name of names) this.listeners.get(name)?.forEach((listener) => listener());
  }

  private set(name: string, value: Value): void {
    this.values.set(name, value);
    this.dirty.add(name);
    this.soon();
  }
}

/** Ports of one node have distinct ids on either side; U+0000 cannot occur in an id. */
function key(node: string, port: string): string {
  return `${node}\u0000${port}`;
}
