import { clockTime, duration, whole } from "../../model/format";
import { isRunning, ownRun } from "../../model/graph";
import { edgesIn, nodesIn } from "../../model/scope";
import type { EdgeView, NodeView } from "../../model/wire.gen";
import { RUN } from "../../model/words";
import { useEditor } from "../../store/editor";
import { now } from "../../store/clock";
import { Chip, Sim } from "../parts/Lamp";
import { NextRun } from "./NextRun";
import { SelectionSection } from "./SelectionSection";

const NO_NODES: Record<string, NodeView> = {};
const NO_EDGES: Record<string, EdgeView> = {};

/** The nodespace and its last run, where no single node is selected. */
export function SpaceInspector({ selected }: { selected: number }) {
  const space = useEditor((state) => state.graph?.space);
  const run = useEditor((state) => state.graph && ownRun(state.graph));
  const bench = useEditor((state) => state.graph?.bench);
  const simulated = useEditor((state) => state.graph?.examples.some((example) => example.bench === state.graph?.space?.bench));
  const nodes = useEditor((state) => Object.keys(nodesIn(state.graph?.nodes ?? NO_NODES, state.scope)).length);
  const wires = useEditor((state) => edgesIn(state.graph?.edges ?? NO_EDGES, state.scope).length);
  const inside = useEditor((state) => (state.scope ? state.graph?.nodes[state.scope]?.name : undefined));
  return (
    <>
      <div className="insp-h">
        <div className="t">
          <h2>{selected > 1 ? `${selected} nodes selected` : inside || space?.title || space?.name}</h2>
        </div>
        <p>{whole(nodes)} nodes, {whole(wires)} wires</p>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Details of the nodespace">
        {space?.notice && (
          <section className="sect">
            <p className="notice">{space.notice}</p>
          </section>
        )}
        {selected > 1 && <SelectionSection />}
        <section className="sect">
          <h3>{run ? `Run ${run.number}` : "Runs"}</h3>
          {run ? (
            <>
              <div className="row devrow">
                <Chip mark={RUN[run.state]} />
                {run.simulated && <Sim />}
              </div>
              {run.message && <p className="devmsg">{run.message}</p>}
              <dl className="kv">
                <dt>Started</dt>
                <dd>{clockTime(run.started)}</dd>
                <dt>Took</dt>
                <dd>{duration((run.ended ?? now()) - run.started)}</dd>
                <dt>Rows</dt>
                <dd>{whole(run.rows)}</dd>
                {run.operator && (
                  <>
                    <dt>By</dt>
                    <dd>{run.operator}</dd>
                  </>
                )}
                {run.sample && (
                  <>
                    <dt>Sample</dt>
                    <dd title={run.sample}>{run.sample}</dd>
                  </>
                )}
                {run.project && (
                  <>
                    <dt>Project</dt>
                    <dd title={run.project}>{run.project}</dd>
                  </>
                )}
              </dl>
              {run.notes && <p className="devmsg">{run.notes}</p>}
            </>
          ) : (
            <p className="dim small">No runs yet. Press Run and they appear here.</p>
          )}
        </section>
        {!isRunning(run) && <NextRun />}
        {(space?.bench || bench) && (
          <section className="sect">
            <h3>Bench</h3>
            <dl className="kv">
              {bench && (
                <>
                  <dt>Here</dt>
                  <dd>{bench}</dd>
                </>
              )}
              {space?.bench && (
                <>
                  <dt>Made for</dt>
                  <dd>
                    {space.bench}
                    {simulated && space.bench !== bench && (
                      <span className="dim small">
                        {" "}
                        (with simulators: <code>funcnodes demo --bench {space.bench}</code>)
                      </span>
                    )}
                  </dd>
                </>
              )}
            </dl>
          </section>
        )}
        {selected === 0 && (
          <section className="sect docs">
            <p className="dim">Nothing is selected. Click a node to see its parameters.</p>
          </section>
        )}
      </div>
    </>
  );
}
