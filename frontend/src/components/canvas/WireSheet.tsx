import { Position, ViewportPortal } from "@xyflow/react";
import { useEffect, useMemo, useState } from "react";
import { kindOf } from "../../model/graph";
import { edgesIn } from "../../model/scope";
import type { EdgeView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { pace } from "../../store/pace";
import { portValues } from "../../store/streams";
import type { CardNode } from "../cards/NodeCard";
import { wirePath } from "./wirePath";

const NO_EDGES: Record<string, EdgeView> = {};

/** All wires of an overview as one drawing: a thousand wires that cannot be told apart need not each be
 *  an element that can be picked. */
export function WireSheet({ nodes, chosen }: { nodes: readonly CardNode[]; chosen: ReadonlySet<string> }) {
  const edges = useEditor((state) => state.graph?.edges ?? NO_EDGES);
  const scope = useEditor((state) => state.scope);
  const drawn = useMemo(() => edgesIn(edges, scope), [edges, scope]);
  const kinds = useEditor((state) => drawn.map((edge) => kindOf(state.graph?.nodes[edge.source], edge.source_port)).join(" "));
  const stale = useStale(drawn);
  const strokes = useMemo(() => strokesOf(nodes, drawn, kinds.split(" "), { chosen, stale }), [nodes, drawn, kinds, chosen, stale]);
  return (
    <ViewportPortal>
      <svg className="wiresheet" aria-hidden="true">
        {strokes.map(({ key, path, look, kind }) => (
          <path key={key} d={path} className={look} style={{ stroke: `var(--type-${kind})` }} />
        ))}
      </svg>
    </ViewportPortal>
  );
}

interface Stroke {
  key: string;
  path: string;
  look: string;
  kind: string;
}

/** One stroke for all wires of a kind that look alike. */
function strokesOf(nodes: readonly CardNode[], edges: readonly EdgeView[], kinds: readonly string[], are: { chosen: ReadonlySet<string>; stale: ReadonlySet<string> }): Stroke[] {
  const cards = new Map(nodes.map((node) => [node.id, node]));
  const strokes = new Map<string, Stroke>();
  edges.forEach((edge, i) => {
    const kind = kinds[i] ?? "any";
    const look = ["wire", kind === "trigger" && "trg", are.stale.has(edge.id) && "stale", are.chosen.has(edge.id) && "chosen"].filter(Boolean).join(" ");
    const key = `${kind} ${look}`;
    const path = pathOf(edge, cards.get(edge.source), cards.get(edge.target));
    strokes.set(key, { key, kind, look, path: `${strokes.get(key)?.path ?? ""}${path}` });
  });
  return [...strokes.values()];
}

function pathOf(edge: EdgeView, source: CardNode | undefined, target: CardNode | undefined): string {
  const from = source?.handles?.find(({ id }) => id === `out:${edge.source_port}`);
  const into = target?.handles?.find(({ id }) => id === `in:${edge.target_port}`);
  if (!source || !target || !from || !into) return "";
  return wirePath({
    sourceX: source.position.x + from.x + (from.width ?? 0),
    sourceY: source.position.y + from.y + (from.height ?? 0) / 2,
    sourcePosition: Position.Right,
    targetX: target.position.x + into.x,
    targetY: target.position.y + into.y + (into.height ?? 0) / 2,
    targetPosition: Position.Left,
  })[0];
}

/** The wires whose source is stale, looked at once per turn of the page however many values came. */
function useStale(edges: readonly EdgeView[]): ReadonlySet<string> {
  const [stale, setStale] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const look = () => {
      const now = new Set(edges.filter((edge) => portValues.get(edge.source, edge.source_port).stale).map((edge) => edge.id));
      setStale((before) => (before.size === now.size && [...now].every((id) => before.has(id)) ? before : now));
    };
    const soon = () => pace.soon(look);
    look();
    const stops = edges.map((edge) => portValues.subscribe(edge.source, edge.source_port, soon));
    return () => stops.forEach((stop) => stop());
  }, [edges]);
  return stale;
}
