import { getBezierPath, getSmoothStepPath, type Position } from "@xyflow/react";

export interface Ends {
  sourceX: number;
  sourceY: number;
  targetX: number;
  targetY: number;
  sourcePosition: Position;
  targetPosition: Position;
}

/** A curve where there is room to the right, else rounded corners around the cards. */
export function wirePath({ sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition }: Ends): [string, number, number] {
  const ends = { sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition };
  const forward = targetX >= sourceX - 4;
  const [path, x, y] = forward ? getBezierPath({ ...ends, curvature: 0.35 }) : getSmoothStepPath({ ...ends, borderRadius: 10, offset: 16 });
  return [path, x, y];
}
