/** Lays a graph out from left to right. The layouter is fetched when it is first asked for. */

import type { EdgeView } from "../model/wire.gen";

export interface Box {
  id: string;
  width: number;
  height: number;
}

export async function tidy(boxes: Box[], edges: EdgeView[]): Promise<Array<{ id: string; x: number; y: number }>> {
  const { Graph, layout } = await import("@dagrejs/dagre").then((module) => ({
    Graph: module.graphlib.Graph,
    layout: module.layout,
  }));
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 32, ranksep: 64, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of boxes) graph.setNode(box.id, { width: box.width, height: box.height });
  for (const edge of edges) graph.setEdge(edge.source, edge.target);
  layout(graph);
  return boxes.map((box) => {
    const place = graph.node(box.id) as { x: number; y: number };
    return { id: box.id, x: Math.round(place.x - box.width / 2), y: Math.round(place.y - box.height / 2) };
  });
}
