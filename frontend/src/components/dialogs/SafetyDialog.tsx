import { useEffect, useState } from "react";
import { asked, ordered, within } from "../../model/safety";
import type { CausePlanView, SafetyView } from "../../model/wire.gen";
import { type DialogName, useEditor } from "../../store/editor";
import { notStopped, scopeWords } from "../../store/estop";
import { arm } from "../../store/runs";
import { Icon } from "../parts/Icon";
import { Sim } from "../parts/Lamp";
import { Dialog } from "./Dialog";

type Arming = Extract<DialogName, "arm-run" | "arm-live" | "arm-queue">;
const ACTION: Record<Arming, { title: string; verb: string }> = {
  "arm-run": { title: "Before the run", verb: "Run" },
  "arm-live": { title: "Before switching to live", verb: "Switch to live" },
  "arm-queue": { title: "Before arming the queue", verb: "Arm the queue" },
};

/** What the bench will do for each cause; before arming, with what is to be accepted (S1, S5). */
export function SafetyDialog({ arming, onClose }: { arming: Arming | null; onClose: () => void }) {
  const safety = useEditor((state) => state.graph?.safety);
  const [accepted, setAccepted] = useState<string[]>([]);
  if (!safety) return null;
  const ready = asked(safety).every((text) => accepted.includes(text));
  const toggle = (text: string, on: boolean) => setAccepted(on ? [...accepted, text] : accepted.filter((each) => each !== text));
  return (
    <Dialog
      wide
      title={arming ? ACTION[arming].title : "What the bench will do"}
      onClose={onClose}
      actions={
        arming && (
          <button type="button" className="btn primary" data-testid="arm" disabled={!ready} onClick={() => arm(arming, safety)}>
            {ACTION[arming].verb}
          </button>
        )
      }
    >
      {arming && <p>Real outputs: {safety.asks.join(", ")}. This is what happens to them by itself.</p>}
      {safety.unreachable.length > 0 && <Unreachable lines={safety.unreachable} />}
      <div className="plans">
        {safety.causes.map((plan) => (
          <Plan key={plan.cause} plan={plan} />
        ))}
      </div>
      <Lines title="Interlocks" lines={safety.interlocks} />
      <Lines title="What runs wait for" lines={safety.waits} />
      <Scope />
      <Warnings safety={safety} arming={arming !== null} accepted={accepted} onToggle={toggle} />
      <p className="dim">Times are worst cases. All of it is software, not a safety device.</p>
    </Dialog>
  );
}

function Lines({ title, lines }: { title: string; lines: readonly string[] }) {
  if (!lines.length) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className="planlist">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}

function Plan({ plan }: { plan: CausePlanView }) {
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  return (
    <section className="plan" data-testid="plan" data-cause={plan.cause}>
      <h3>{plan.title}</h3>
      <ol>
        {ordered(plan.steps).map((step) => (
          <li key={step.device} className={step.action === "hold" ? "held" : ""}>
            <span className="n">{step.order}</span>
            <b>{step.device}</b>
            {devices[step.device]?.simulated && <Sim />}
            <span className="grow">{step.words}{step.note && <em>, {step.note}</em>}</span>
            <span className="ms">{within(step)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Unreachable({ lines }: { lines: string[] }) {
  return (
    <div className="callout" role="note">
      <Icon name="alert" />
      <div>
        <b>Cannot be reached now, so switch these off by hand:</b>
        {lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    </div>
  );
}

/** What E-STOP stops from here, and what it does not (S4). */
function Scope() {
  const scope = useEditor(scopeWords);
  const [others, setOthers] = useState<string[]>([]);
  useEffect(() => {
    let wanted = true;
    notStopped().then(
      (lines) => wanted && setOthers(lines),
      () => wanted && setOthers(["What else has a bench could not be found out"]),
    );
    return () => {
      wanted = false;
    };
  }, []);
  return (
    <section data-testid="estop-scope">
      <h3>What E-STOP reaches from here</h3>
      <p>The outputs of {scope}.</p>
      {others.length > 0 && (
        <>
          <p>Not stopped by it; <code>funcnodes estop</code> on that machine stops everything there:</p>
          <ul className="planlist">
            {others.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Warnings(props: { safety: SafetyView; arming: boolean; accepted: string[]; onToggle: (text: string, on: boolean) => void }) {
  const { safety, arming, accepted, onToggle } = props;
  if (!safety.warnings.length) return null;
  return (
    <section>
      <h3>Warnings</h3>
      <ul className={`planlist ${arming ? "confirm" : ""}`}>
        {safety.warnings.map(({ text, asks }) =>
          arming && asks ? (
            <li key={text}>
              <label>
                <input type="checkbox" checked={accepted.includes(text)} onChange={(event) => onToggle(text, event.target.checked)} />
                <span>{text} <b>I accept this.</b></span>
              </label>
            </li>
          ) : (
            <li key={text}>{text}</li>
          ),
        )}
      </ul>
      {arming && asked(safety).length > 0 && <p className="dim">What you accept is recorded with the run, with your name.</p>}
    </section>
  );
}
