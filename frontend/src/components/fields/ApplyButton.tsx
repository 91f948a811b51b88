import type { NodeView } from "../../model/wire.gen";
import { isLatched, mayAct, useEditor } from "../../store/editor";
import { retry } from "../../store/edits";

const HOW = "Switch Live on to apply it by hand, or press Run";

/** Write what a card holds, by hand; says how where that is not possible now. */
export function ApplyButton({ node }: { node: NodeView }) {
  const allowed = useEditor((state) => mayAct(state) && !isLatched(state));
  const live = useEditor((state) => state.graph?.space?.arming === "live");
  if (node.subgraph) return null;
  if (!live) return <span className="how" title={HOW} aria-label={HOW} role="img">?</span>;
  return (
    <button type="button" className="btn sm nodrag" disabled={!allowed} aria-label={`Apply ${node.name}`} title="Write it now" onClick={() => retry(node.id)}>
      Apply
    </button>
  );
}
