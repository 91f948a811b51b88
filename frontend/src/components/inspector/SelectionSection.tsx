import { isLocked, mayAct, useEditor } from "../../store/editor";
import { makeSubgraph } from "../../store/nesting";
import { HeldBy } from "./HeldBy";

/** What can be done with several nodes at once. */
export function SelectionSection() {
  const ids = useEditor((state) => state.selection);
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  return (
    <section className="sect" aria-label="Selection">
      <h3>Selection</h3>
      <HeldBy ids={ids} />
      <button type="button" className="btn sm" disabled={locked} title="Ctrl+Shift+G" onClick={() => void makeSubgraph()}>
        Make a subgraph
      </button>
    </section>
  );
}
