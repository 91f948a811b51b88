import { asksFor, CHOICES_IN_SIGHT } from "../../model/prompts";
import { unitSymbol } from "../../model/format";
import type { PromptView } from "../../model/wire.gen";
import { PictureField } from "./PictureField";

export interface AnswerFieldProps {
  prompt: PromptView;
  value: string | Uint8Array;
  labelledBy: string;
  /** Where it says why the last answer was none. */
  describedBy: string | undefined;
  disabled: boolean;
  onChange: (value: string | Uint8Array) => void;
}

/** Where the answer is typed, chosen or taken; nothing for what is answered by a button. */
export function AnswerField(props: AnswerFieldProps) {
  switch (props.prompt.kind) {
    case "number":
      return <NumberAnswer {...props} />;
    case "text":
      return (
        <textarea
          className="field area"
          rows={2}
          value={typed(props.value)}
          disabled={props.disabled}
          aria-labelledby={props.labelledBy}
          aria-invalid={props.describedBy !== undefined}
          aria-describedby={props.describedBy}
          onChange={(event) => props.onChange(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.ctrlKey) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
        />
      );
    case "choice":
      return props.prompt.choices.length > CHOICES_IN_SIGHT ? <ChoiceList {...props} /> : <ChoiceButtons {...props} />;
    case "picture":
      return <PictureField {...props} />;
    case "confirm":
    case "approve":
    case "tell":
      return null;
  }
}

function NumberAnswer({ prompt, value, labelledBy, describedBy, disabled, onChange }: AnswerFieldProps) {
  const hint = asksFor(prompt);
  const unit = unitSymbol(prompt.unit);
  return (
    <>
      <span className={`field num ${describedBy ? "bad" : ""} ${disabled ? "off" : ""}`}>
        <input
          value={typed(value)}
          inputMode="decimal"
          autoComplete="off"
          spellCheck={false}
          disabled={disabled}
          aria-labelledby={labelledBy}
          aria-invalid={describedBy !== undefined}
          aria-describedby={describedBy}
          onChange={(event) => onChange(event.target.value)}
        />
        {unit && <span className="unit">{unit}</span>}
      </span>
      {hint && hint !== unit && <p className="due">{hint}</p>}
    </>
  );
}

function ChoiceButtons({ prompt, value, labelledBy, disabled, onChange }: AnswerFieldProps) {
  return (
    <div className="choices" role="radiogroup" aria-labelledby={labelledBy}>
      {prompt.choices.map((choice) => (
        <label key={choice}>
          <input type="radio" name={prompt.id} value={choice} checked={value === choice} disabled={disabled} onChange={() => onChange(choice)} />
          <span>{choice}</span>
        </label>
      ))}
    </div>
  );
}

function ChoiceList({ prompt, value, labelledBy, disabled, onChange }: AnswerFieldProps) {
  return (
    <span className="field">
      <select value={typed(value)} disabled={disabled} aria-labelledby={labelledBy} onChange={(event) => onChange(event.target.value)}>
        <option value="" disabled>
          Choose
        </option>
        {prompt.choices.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    </span>
  );
}

function typed(value: string | Uint8Array): string {
  return typeof value === "string" ? value : "";
}
