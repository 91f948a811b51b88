/** Lays a graph out from left to right, each frame in one piece. The layouter is fetched when it is first asked for. */

import { type Card, SECTIONS } from "../../model/frames";
import type { EdgeView } from "../../model/wire.gen";

export async function tidy(cards: Card[], edges: EdgeView[]): Promise<Array<{ id: string; x: number; y: number }>> {
  const { Graph, layout } = await import("@dagrejs/dagre").then((module) => ({
    Graph: module.graphlib.Graph,
    layout: module.layout,
  }));
  const graph = new Graph({ compound: true });
  graph.setGraph({ rankdir: "LR", nodesep: 32, ranksep: 64, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const here = new Map(cards.map((card) => [card.id, card]));
  for (const card of cards) graph.setNode(card.id, { width: card.width, height: card.height });
  for (const edge of edges) graph.setEdge(edge.source, edge.target);
  for (const card of cards) {
    const frame = here.get(card.frame);
    if (!frame) continue;
    const [box, section] = [`box ${frame.id}`, `box ${frame.id} ${card.section}`];
    if (!graph.hasNode(box)) graph.setNode(box, {});
    if (!graph.hasNode(section)) graph.setNode(section, {});
    graph.setParent(section, box);
    graph.setParent(frame.id, box);
    if (!card.isFrame || !graph.hasNode(`box ${card.id}`)) graph.setParent(card.id, section);
  }
  for (const card of cards) {
    const [box, section] = [`box ${card.id}`, `box ${card.frame} ${card.section}`];
    if (card.isFrame && graph.hasNode(box) && graph.hasNode(section)) graph.setParent(box, section);
  }
  for (const [first, then] of inOrder(cards)) if (!graph.hasEdge(then, first)) graph.setEdge(first, then);
  layout(graph);
  return cards.map((card) => {
    const place = graph.node(card.id) as { x: number; y: number };
    return { id: card.id, x: Math.round(place.x - card.width / 2), y: Math.round(place.y - card.height / 2) };
  });
}

/** What comes first without a wire that says so: the frame, then its sections in their order. */
function inOrder(cards: Card[]): Array<[string, string]> {
  return cards.filter((card) => card.isFrame).flatMap((frame) => {
    const parts = SECTIONS.map((section) => cards.filter((card) => card.frame === frame.id && card.section === section)).filter((part) => part.length > 0);
    const first = (parts[0] ?? []).map((card): [string, string] => [frame.id, card.id]);
    const rest = parts.slice(1).flatMap((part, i) => (parts[i] ?? []).flatMap((before) => part.map((card): [string, string] => [before.id, card.id])));
    return [...first, ...rest];
  });
}
