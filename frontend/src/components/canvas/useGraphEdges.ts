import { applyEdgeChanges, type EdgeChange } from "@xyflow/react";
import { useCallback, useMemo, useState } from "react";
import { edgesIn } from "../../model/scope";
import type { EdgeView } from "../../model/wire.gen";
import { get, useEditor } from "../../store/editor";
import type { WireEdge } from "./Wire";

const NO_EDGES: Record<string, EdgeView> = {};

/** The wires as the canvas wants them, with its own idea of which are selected; none in an overview, where
 *  `WireSheet` draws them. */
export function useGraphEdges(overview: boolean) {
  const all = useEditor((state) => state.graph?.edges ?? NO_EDGES);
  const scope = useEditor((state) => state.scope);
  const views = useMemo(() => edgesIn(all, scope), [all, scope]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const edges = useMemo(
    () =>
      (overview ? [] : views).map(
        (edge): WireEdge => ({
          id: edge.id,
          type: "wire",
          source: edge.source,
          sourceHandle: `out:${edge.source_port}`,
          target: edge.target,
          targetHandle: `in:${edge.target_port}`,
          data: {},
          selected: chosen.has(edge.id),
          ariaLabel: `Wire from ${nameOf(edge.source)} ${edge.source_port} to ${nameOf(edge.target)} ${edge.target_port}`,
        }),
      ),
    [views, chosen, overview],
  );
  const onEdgesChange = useCallback(
    (changes: EdgeChange<WireEdge>[]) => {
      if (!changes.some((change) => change.type === "select")) return;
      setChosen((before) => {
        const after = applyEdgeChanges(changes, edges.map((edge) => ({ ...edge, selected: before.has(edge.id) })));
        return new Set(after.filter((edge) => edge.selected).map((edge) => edge.id));
      });
    },
    [edges],
  );
  return { edges, chosen, onEdgesChange };
}

function nameOf(id: string): string {
  return get().graph?.nodes[id]?.name ?? id;
}
