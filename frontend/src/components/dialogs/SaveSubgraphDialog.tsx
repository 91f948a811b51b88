import { useState } from "react";
import { get, useEditor } from "../../store/editor";
import { saveSubgraph } from "../../store/nesting";
import { Dialog } from "./Dialog";

/** A name for the file of the selected subgraph; one that another has is replaced only when asked. */
export function SaveSubgraphDialog({ onClose }: { onClose: () => void }) {
  const node = get().graph?.nodes[get().selection[0] ?? ""];
  const library = useEditor((state) => state.graph?.library) ?? [];
  const [typed, setName] = useState(node?.subgraph?.file || node?.name || "");
  const name = typed.trim();
  if (!node?.subgraph) return null;
  const own = name === node.subgraph.file;
  const taken = !own && library.some((entry) => entry.key === `subgraph:${name}`);
  const done = () => {
    if (!name) return;
    onClose();
    void saveSubgraph(node.id, name, taken);
  };
  return (
    <Dialog
      title={`Save ${node.name} as a file`}
      onClose={onClose}
      actions={
        <button type="button" className="btn primary" disabled={!name} onClick={done}>
          {taken ? "Replace" : "Save"}
        </button>
      }
    >
      <label className="stack">
        Name in the library
        <span className="field">
          <input autoFocus value={typed} maxLength={80} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => event.key === "Enter" && !event.ctrlKey && !taken && done()} />
        </span>
      </label>
      <p className="dim">
        {taken
          ? "Another subgraph has this name. Its file would be replaced; where it is used, it stays as it is until it is updated."
          : own
            ? "The file is replaced. Where it is used, it stays as it is until it is updated."
            : "It is listed on the shelf Subgraphs and can be used in every nodespace of this worker."}
      </p>
    </Dialog>
  );
}
