import { memo } from "react";
import { shapeOf } from "../../model/card";
import { isFaulty } from "../../model/words";
import { wiredOf } from "../../model/wires";
import { useEditor } from "../../store/editor";
import { CardBody } from "./CardBody";
import { SubgraphRow } from "./SubgraphRow";

/** Height of the name and of the border above it. */
const NAME = 33;

/** A card too small to be read: its name, and what it shows. No wire is begun at this size. */
export const SmallCard = memo(function SmallCard({ id, selected, height }: { id: string; selected: boolean; height: number | undefined }) {
  const node = useEditor((state) => state.graph?.nodes[id]);
  const wired = useEditor((state) => (state.graph ? wiredOf(state.graph.edges, id) : ""));
  if (!node) return null;
  const shape = shapeOf(node, wired);
  const look = ["node", "small", selected && "sel", isFaulty(node) && "err"].filter(Boolean).join(" ");
  return (
    <article className={look} data-testid="node" data-node={id} data-state={node.state} style={{ width: shape.width, height: height ?? shape.height }}>
      <h3>{node.name}</h3>
      {(node.body || node.subgraph) && (
        <div className="below" style={{ marginTop: shape.ports - NAME }}>
          <CardBody node={node} />
          {node.subgraph && <SubgraphRow node={node} subgraph={node.subgraph} />}
        </div>
      )}
    </article>
  );
});
