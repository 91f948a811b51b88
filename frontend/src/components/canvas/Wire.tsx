import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import { kindOf } from "../../model/graph";
import { useEditor } from "../../store/editor";
import { useSmall } from "../cards/zoom";
import { usePortStale } from "../fields/usePortValue";
import { wirePath } from "./wirePath";

export type WireEdge = Edge<Record<string, never>, "wire">;

/** A wire in the colour of its source: a halo at crossings, dashed where it carries order. */
export const Wire = memo(function Wire(props: EdgeProps<WireEdge>) {
  const edge = useEditor((state) => state.graph?.edges[props.id]);
  const kind = useEditor((state) => (edge ? kindOf(state.graph?.nodes[edge.source], edge.source_port) : "any"));
  const stale = usePortStale(edge?.source ?? "", edge?.source_port ?? "");
  const small = useSmall();
  if (!edge) return null;
  const [path, x, y] = wirePath(props);
  const look = ["wire", kind === "trigger" && "trg", stale && "stale", props.selected && "chosen"].filter(Boolean).join(" ");
  return (
    <>
      {!small && <path className="halo" d={path} />}
      <BaseEdge id={props.id} path={path} className={look} style={{ stroke: `var(--type-${kind})` }} interactionWidth={16} />
      {edge.note && !small && (
        <EdgeLabelRenderer>
          <span className="conv" style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }} title="What the wire does to a value">
            {edge.note}
          </span>
        </EdgeLabelRenderer>
      )}
    </>
  );
});
