import type { NodeView, SubgraphView } from "../../model/wire.gen";
import { isLocked, mayAct, openDialog, useEditor } from "../../store/editor";
import { demote, dissolve, openScope, updateSubgraph } from "../../store/nesting";
import { inWords } from "../cards/SubgraphRow";
import { Icon } from "../parts/Icon";
import { PortShape } from "../parts/PortShape";

/** What can be done with the selected subgraph. */
export function SubgraphSection({ node, subgraph }: { node: NodeView; subgraph: SubgraphView }) {
  const active = useEditor(mayAct);
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  const ports = [...node.inputs, ...node.outputs].filter((port) => !port.id.startsWith("_trigger"));
  return (
    <section className="sect" aria-label="Subgraph">
      <h3>Subgraph</h3>
      <p className="dim small">
        {inWords(subgraph)}
        {subgraph.file ? `. File “${subgraph.file}”${subgraph.behind ? ", which has another version now" : ""}.` : ". Not saved as a file."}
      </p>
      <div className="acts">
        <button type="button" className="btn sm" onClick={() => openScope(node.id)}>Open</button>
        <button type="button" className="btn sm" disabled={!active} onClick={() => openDialog("save-subgraph")}>Save as a file</button>
        {subgraph.behind && (
          <button type="button" className="btn sm" disabled={locked} onClick={() => updateSubgraph(node.id)}>Update</button>
        )}
        <button type="button" className="btn sm" disabled={locked} onClick={() => void dissolve(node.id)}>Dissolve</button>
      </div>
      {ports.map((port) => (
        <div className="prm portline" key={port.id}>
          <span className="pl" title={port.doc}>
            <PortShape kind={port.kind} />
            {port.name}
          </span>
          <button type="button" className="btn ghost sm icon" disabled={locked} aria-label={`Remove the port ${port.name}`} title="Remove this port" onClick={() => demote(node.id, port.id)}>
            <Icon name="x" small />
          </button>
        </div>
      ))}
    </section>
  );
}
