import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath, getSmoothStepPath, type Position } from "@xyflow/react";
import { memo } from "react";
import { useEditor } from "../../store/editor";
import { useSmall } from "../cards/zoom";
import { usePortStale } from "../fields/usePortValue";

export type WireEdge = Edge<Record<string, never>, "wire">;

/** A wire in the colour of its source: a halo at crossings, dashed where it carries order. */
export const Wire = memo(function Wire(props: EdgeProps<WireEdge>) {
  const edge = useEditor((state) => state.graph?.edges[props.id]);
  const kind = useEditor((state) => {
    const source = edge && state.graph?.nodes[edge.source];
    return source?.outputs.find((port) => port.id === edge?.source_port)?.kind ?? "any";
  });
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

interface Ends {
  sourceX: number;
  sourceY: number;
  targetX: number;
  targetY: number;
  sourcePosition: Position;
  targetPosition: Position;
}

/** A curve where there is room to the right, else rounded corners around the cards. */
function wirePath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition }: Ends): [string, number, number] {
  const ends = { sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition };
  const forward = targetX >= sourceX - 4;
  const [path, x, y] = forward ? getBezierPath({ ...ends, curvature: 0.35 }) : getSmoothStepPath({ ...ends, borderRadius: 10, offset: 16 });
  return [path, x, y];
}
