import type { NodeView, SubgraphView } from "../../model/wire.gen";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { openScope, updateSubgraph } from "../../store/nesting";
import { Icon } from "../parts/Icon";

/** What a subgraph's card ends with: how much is inside, and the way there. */
export function SubgraphRow({ node, subgraph }: { node: NodeView; subgraph: SubgraphView }) {
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  return (
    <div className="subrow">
      <span className="dim" title={fileTitle(subgraph)}>{inWords(subgraph)}</span>
      <span className="grow" />
      {subgraph.behind && (
        <button type="button" className="btn ghost nodrag" disabled={locked} title={`The file “${subgraph.file}” has another version now`} onClick={() => updateSubgraph(node.id)}>
          Update
        </button>
      )}
      <button type="button" className="btn nodrag" aria-label={`Open ${node.name}`} title="Open, double-click or Enter" data-testid="open-subgraph" onClick={() => openScope(node.id)}>
        Open
        <Icon name="right" small />
      </button>
    </div>
  );
}

/** "3 nodes", and whether they are as the file has them. */
export function inWords({ nodes, file, edited }: SubgraphView): string {
  const count = nodes === 1 ? "1 node" : `${nodes} nodes`;
  return file && edited ? `${count}, edited` : count;
}

function fileTitle({ file, edited }: SubgraphView): string | undefined {
  if (!file) return undefined;
  return edited ? `Made from the file “${file}”, and changed since` : `As the file “${file}” has it`;
}
