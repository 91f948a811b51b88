import type { PortView } from "../../model/wire.gen";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { isGate, promote } from "../../store/nesting";
import { Icon } from "../parts/Icon";

/** Inside a subgraph: make a port one of the subgraph's own. */
export function PromoteButton({ node, port }: { node: string; port: PortView }) {
  const inside = useEditor((state) => state.scope !== "");
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  if (!inside || isGate(node)) return null;
  return (
    <button type="button" className="btn ghost sm icon promote" disabled={locked} aria-label={`Make ${port.name} a port of the subgraph`} title="Make it a port of the subgraph" onClick={() => promote(node, port.id)}>
      <Icon name="up" small />
    </button>
  );
}
