import { type ConnectionLineComponentProps, getBezierPath } from "@xyflow/react";
import { endOf } from "../../model/fit";
import { useEditor } from "../../store/editor";

/** The wire while it is being drawn, in the colour of its port. */
export function WireInHand({ fromX, fromY, toX, toY, fromPosition, toPosition }: ConnectionLineComponentProps) {
  const kind = useEditor((state) => (state.wireInHand ? endOf(state.graph?.nodes[state.wireInHand.node], state.wireInHand)?.kind : undefined) ?? "any");
  const [path] = getBezierPath({ sourceX: fromX, sourceY: fromY, sourcePosition: fromPosition, targetX: toX, targetY: toY, targetPosition: toPosition });
  const colour = `var(--type-${kind})`;
  return (
    <g>
      <path className={`wire ${kind === "trigger" ? "trg" : ""}`} d={path} style={{ stroke: colour }} fill="none" />
      <circle cx={toX} cy={toY} r={4} fill="var(--surface-2)" stroke={colour} strokeWidth={2} />
    </g>
  );
}
