import { tally, VERDICT } from "../../model/verdicts";
import { api } from "../../store/api";
import { useEditor } from "../../store/editor";
import { useJudged } from "../../store/verdicts";
import { Icon } from "../parts/Icon";
import { Chip } from "../parts/Lamp";
import { Said } from "../parts/Said";
import { StepList } from "../verdicts/StepList";
import { Dialog } from "./Dialog";

/** What a run's test found: its verdict, its steps with limits and values, and the way to its report. */
export function VerdictsDialog({ onClose }: { onClose: () => void }) {
  const { run, found, trouble } = useJudged();
  const worker = useEditor((state) => state.worker);
  if (!run) return null;
  const report = (
    <a className="btn" href={api.reportUrl(worker, run.id)} target="_blank" rel="noreferrer">
      <Icon name="file" />
      Report
    </a>
  );
  return (
    <Dialog wide title={`Run ${run.number}: ${run.nodespace}`} onClose={onClose} actions={report}>
      <div className="verdicts" tabIndex={0} role="region" aria-label="Verdicts" data-testid="verdicts">
        {trouble && <p role="alert">{trouble}</p>}
        {!found && !trouble && <p role="status">Its steps are being read.</p>}
        {found && (
          <>
            <p className="stephead">
              {found.verdict && <Chip mark={VERDICT[found.verdict]} />}
              <span>{found.steps.length ? tally(found.steps) : "Nothing was tested."}</span>
            </p>
            {found.text && <p className="why"><Said text={found.text} /></p>}
            <StepList steps={found.steps} />
            {found.left_out > 0 && <p className="dim">{found.left_out} further steps are in the report.</p>}
          </>
        )}
      </div>
    </Dialog>
  );
}
