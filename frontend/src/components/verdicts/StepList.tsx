import { limitsText, stepTitle, valueText, VERDICT } from "../../model/verdicts";
import type { CheckView, StepView } from "../../model/wire.gen";
import { Chip } from "../parts/Lamp";
import { Said } from "../parts/Said";

/** Steps in order, each before those inside it, with the values that were judged. */
export function StepList({ steps }: { steps: StepView[] }) {
  return (
    <ol className="judgedsteps">
      {steps.map((step, n) => (
        <li key={n} data-testid="step" data-verdict={step.verdict} style={{ marginInlineStart: `${Math.min(step.depth, 6) * 14}px` }}>
          <p className="stephead">
            <Chip mark={VERDICT[step.verdict]} />
            <b>{stepTitle(step)}</b>
            <span className="dim">{step.took_s.toFixed(2)} s</span>
          </p>
          {step.text && <p className="why"><Said text={step.text} /></p>}
          {step.checks.length > 0 && <Checks step={step} />}
        </li>
      ))}
    </ol>
  );
}

function Checks({ step }: { step: StepView }) {
  const left = step.checked - step.checks.length;
  return (
    <>
      <ul className="judgedchecks">
        {step.checks.map((check, n) => (
          <Check key={n} check={check} />
        ))}
      </ul>
      {left > 0 && <p className="dim">{step.checked} values were checked, {step.checks.length} are shown.</p>}
    </>
  );
}

function Check({ check }: { check: CheckView }) {
  const limits = limitsText(check);
  return (
    <li data-testid="check" title={check.text}>
      <Chip mark={VERDICT[check.verdict]} />
      <span className="what">{check.name}</span>
      <span className="value">{valueText(check)}</span>
      <span className="dim">{limits && `limits ${limits}`}</span>
      {check.verdict !== "pass" && <span className="why"><Said text={check.text} /></span>}
    </li>
  );
}
