import { useEditor } from "../../store/editor";
import { continueRun } from "../../store/recorded";
import { Dialog } from "./Dialog";

/** How a run goes on that ended early: what is written first, and what the graph does once more. */
export function ContinueDialog({ onClose }: { onClose: () => void }) {
  const plan = useEditor((state) => state.continuing);
  if (!plan) return null;
  return (
    <Dialog
      title={`Continue run ${plan.number}`}
      onClose={onClose}
      actions={
        <button type="button" className="btn primary" data-testid="continue-now" autoFocus onClick={() => void continueRun(plan)}>
          Continue
        </button>
      }
    >
      <p>
        It goes on at point {plan.first}
        {plan.total !== null && ` of ${plan.total}`}, as a run of its own. Both are read as one.
      </p>
      <Lines title="Written first, as it was then" lines={plan.writes} none="Nothing has to be written first." testid="continue-writes" />
      <Lines title="Then the graph does again" lines={plan.again} none="" testid="continue-again" />
      {plan.remarks.map((line) => (
        <p className="dim" key={line}>
          {line}
        </p>
      ))}
    </Dialog>
  );
}

function Lines({ title, lines, none, testid }: { title: string; lines: string[]; none: string; testid: string }) {
  if (lines.length === 0) return none ? <p>{none}</p> : null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className="planlist" data-testid={testid}>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}
