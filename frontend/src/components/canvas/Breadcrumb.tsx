import { crumbs } from "../../model/scope";
import { useEditor } from "../../store/editor";
import { leaveScope, openScope } from "../../store/nesting";
import { Icon } from "../parts/Icon";

/** Where one is while a subgraph is open, and the way back. */
export function Breadcrumb() {
  const scope = useEditor((state) => state.scope);
  const nodes = useEditor((state) => state.graph?.nodes);
  const space = useEditor((state) => state.graph?.space?.title || state.graph?.space?.name || "Nodespace");
  if (scope === "" || !nodes) return null;
  const way = crumbs(nodes, scope);
  return (
    <nav className="crumbs" aria-label="Open subgraph" data-testid="breadcrumb">
      <button type="button" className="btn ghost icon" aria-label="Back" title="Back, Alt+↑" onClick={leaveScope}>
        <Icon name="left" />
      </button>
      <ol>
        <li>
          <button type="button" className="crumb" onClick={() => openScope("")}>{space}</button>
        </li>
        {way.map((crumb) => (
          <li key={crumb.scope}>
            <Icon name="right" small />
            {crumb.scope === scope ? (
              <span className="crumb here" aria-current="page">{crumb.name}</span>
            ) : (
              <button type="button" className="crumb" onClick={() => openScope(crumb.scope)}>{crumb.name}</button>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
