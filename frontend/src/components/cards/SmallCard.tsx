import { memo } from "react";
import { shapeOf } from "../../model/card";
import { isFaulty } from "../../model/words";
import { wiredOf } from "../../model/wires";
import { useEditor } from "../../store/editor";
import { CardBody } from "./CardBody";
import { SubgraphRow } from "./SubgraphRow";

/** A card too small to be read: its name, the places of its ports, and what it shows.
 *
 *  Its handles are plain elements, which is all that the canvas looks for to lead wires to; no wire
 *  is begun at this size.
 */
export const SmallCard = memo(function SmallCard({ id, selected, height }: { id: string; selected: boolean; height: number | undefined }) {
  const node = useEditor((state) => state.graph?.nodes[id]);
  const wired = useEditor((state) => (state.graph ? wiredOf(state.graph.edges, id) : ""));
  if (!node) return null;
  const shape = shapeOf(node, wired);
  const look = ["node", "small", selected && "sel", isFaulty(node) && "err"].filter(Boolean).join(" ");
  return (
    <article className={look} data-testid="node" data-node={id} data-state={node.state} style={{ width: shape.width, height: height ?? shape.height }}>
      <header>
        <h3>{node.name}</h3>
      </header>
      {shape.spots.map(({ id: port, side, y }) => (
        <i
          key={port}
          className={side === "in" ? "react-flow__handle react-flow__handle-left target" : "react-flow__handle react-flow__handle-right source"}
          data-handleid={port}
          data-handlepos={side === "in" ? "left" : "right"}
          style={{ top: y - 1 }}
        />
      ))}
      {(node.body || node.subgraph) && (
        <div className="below" style={{ top: shape.ports - 1 }}>
          <CardBody node={node} />
          {node.subgraph && <SubgraphRow node={node} subgraph={node.subgraph} />}
        </div>
      )}
    </article>
  );
});
