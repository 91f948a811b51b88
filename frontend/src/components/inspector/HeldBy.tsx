import { useMemo } from "react";
import { family, SECTIONS } from "../../model/frames";
import { nodesIn } from "../../model/scope";
import type { NodeView } from "../../model/wire.gen";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { isGate, putIn } from "../../store/nesting";

const NONE: Record<string, NodeView> = {};

/** Which section of which frame holds these nodes; the way there without a mouse. */
export function HeldBy({ ids }: { ids: string[] }) {
  const nodes = useEditor((state) => nodesIn(state.graph?.nodes ?? NONE, state.scope));
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  const frames = useMemo(() => framesFor(nodes, ids), [nodes, ids]);
  const movable = ids.filter((id) => !isGate(id));
  if (!frames.length || !movable.length) return null;
  const places = new Set(movable.map((id) => placeOf(nodes[id])));
  const value = places.size === 1 ? [...places][0] : "mixed";
  const put = (chosen: string) => {
    const [section, ...frame] = chosen.split(" ");
    const found = SECTIONS.find((each) => each === section);
    void putIn(movable, found ? { frame: frame.join(" "), section: found } : null);
  };
  return (
    <div className="prm">
      <label htmlFor="held-by">Held by</label>
      <span className="field pick">
        <select id="held-by" value={value} disabled={locked} onChange={(event) => put(event.target.value)}>
          {value === "mixed" && <option value="mixed">several</option>}
          <option value="">no frame</option>
          {frames.flatMap((frame) =>
            SECTIONS.map((section) => (
              <option key={`${section} ${frame.id}`} value={`${section} ${frame.id}`}>{`${frame.name}: ${section}`}</option>
            )),
          )}
        </select>
      </span>
    </div>
  );
}

function placeOf(node: NodeView | undefined): string {
  return node?.frame ? `${node.section} ${node.frame}` : "";
}

/** Frames that these nodes can be put into: not themselves, nor what they hold. */
function framesFor(nodes: Record<string, NodeView>, ids: string[]): NodeView[] {
  const all = Object.values(nodes);
  const cards = all.map((node) => ({ id: node.id, isFrame: node.is_frame, frame: node.frame, section: node.section, x: 0, y: 0, width: 0, height: 0 }));
  const own = new Set([...ids, ...ids.flatMap((id) => family(cards, id))]);
  return all.filter((node) => node.is_frame && !own.has(node.id));
}
