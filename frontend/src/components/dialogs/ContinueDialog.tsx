import { useState } from "react";
import { asked } from "../../model/safety";
import { useEditor } from "../../store/editor";
import { continueRun } from "../../store/recorded";
import { Dialog } from "./Dialog";

/** How a run goes on that ended early: what is written first, and what the graph does once more. */
export function ContinueDialog({ onClose }: { onClose: () => void }) {
  const plan = useEditor((state) => state.continuing);
  const safety = useEditor((state) => state.graph?.safety);
  const [accepted, setAccepted] = useState<string[]>([]);
  if (!plan) return null;
  const toggle = (text: string, on: boolean) => setAccepted(on ? [...accepted, text] : accepted.filter((each) => each !== text));
  const asks = safety ? asked(safety) : [];
  return (
    <Dialog
      title={`Continue run ${plan.number}`}
      onClose={onClose}
      actions={
        <button type="button" className="btn primary" data-testid="continue-now" autoFocus disabled={!asks.every((text) => accepted.includes(text))} onClick={() => void continueRun(plan, accepted)}>
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
      {safety && safety.asks.length > 0 && <p>Real outputs: {safety.asks.join(", ")}.</p>}
      {asks.length > 0 && (
        <ul className="planlist confirm">
          {asks.map((text) => (
            <li key={text}>
              <label>
                <input type="checkbox" checked={accepted.includes(text)} onChange={(event) => toggle(text, event.target.checked)} />
                <span>{text} <b>I accept this.</b></span>
              </label>
            </li>
          ))}
        </ul>
      )}
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
