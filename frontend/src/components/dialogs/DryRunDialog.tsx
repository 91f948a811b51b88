import { useEffect, useMemo } from "react";
import type { DryRunView, NodeView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { dryRun, leaveDry, toNode, useDry } from "../../store/dryrun";
import { canvas } from "../canvas/canvasApi";
import { DryReport } from "../dryrun/DryReport";
import { Icon } from "../parts/Icon";
import { Said } from "../parts/Said";
import { Dialog } from "./Dialog";

const NO_NODES: Record<string, NodeView> = {};

/** A dry run while it goes on, and its report. Closing it while it goes on cancels it. */
export function DryRunDialog() {
  const dry = useDry((state) => state.dry);
  const nodes = useEditor((state) => state.graph?.nodes) ?? NO_NODES;
  const show = (id: string) => {
    toNode(id);
    canvas()?.show(id);
  };
  return (
    <Dialog wide title="Dry run" onClose={leaveDry} actions={<Actions />}>
      <div className="dryrun" tabIndex={0} role="region" aria-label="Report" data-testid="dry-run" data-state={dry.state}>
        {dry.state === "on" && (
          <p role="status">
            <Icon name="turn" /> The graph is tried on simulators in memory, by a clock that jumps. No instrument hears of it.
          </p>
        )}
        {dry.state === "failed" && (
          <div className="callout" role="alert">
            <Icon name="alert" />
            <div>
              <b><Said text={dry.text} /></b>
              {dry.hint && <p>{dry.hint}</p>}
            </div>
          </div>
        )}
        {dry.state === "told" && <DryReport view={dry.view} nodes={nodes} onShow={show} />}
      </div>
    </Dialog>
  );
}

function Actions() {
  const dry = useDry((state) => state.dry);
  if (dry.state === "on") {
    return (
      <button type="button" className="btn" onClick={leaveDry}>
        Cancel
      </button>
    );
  }
  return (
    <>
      {dry.state === "told" && <SaveEvidence view={dry.view} />}
      <button type="button" className="btn" onClick={() => void dryRun()}>
        Again
      </button>
    </>
  );
}

/** The report as `--evidence` writes it, for whoever approves the run. */
function SaveEvidence({ view }: { view: DryRunView }) {
  const url = useMemo(() => URL.createObjectURL(new Blob([JSON.stringify(view.evidence, null, 2)], { type: "application/json" })), [view]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <a className="btn ghost" href={url} download={`${view.evidence.report.nodespace}.evidence.json`} title="The report, bound to this graph, bench and limits: for whoever approves the run">
      <Icon name="download" />
      Evidence
    </a>
  );
}
