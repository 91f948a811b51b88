/** The cards on the canvas as `model/frames` wants them: where they are drawn, and who holds them. */

import type { Card } from "../../model/frames";
import type { NodeView } from "../../model/wire.gen";
import type { CardNode } from "../cards/NodeCard";

export function cardsOf(nodes: readonly CardNode[], views: Record<string, NodeView>): Card[] {
  return nodes.flatMap((node) => {
    const view = views[node.id];
    if (!view) return [];
    const { width = 0, height = 0 } = node.measured ?? {};
    return [{ id: node.id, ...node.position, width, height, isFrame: view.is_frame, frame: view.frame, section: view.section }];
  });
}
