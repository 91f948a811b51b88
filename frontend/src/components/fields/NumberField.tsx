import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { revision } from "../../store/commands";
import { DASH, exact, fieldValue, inUnit, limits, parseTyped, unitSymbol } from "../../model/format";

export interface NumberFieldProps {
  label: string;
  value: unknown;
  unit: string;
  min: number | null;
  max: number | null;
  step: number | null;
  disabled: boolean;
  unapplied?: boolean;
  id?: string;
  /** `made` is the revision on which it was begun. Returns the sentence of a refusal, or "". */
  onCommit: (value: number | string | null, made: number) => Promise<string>;
}

/** A number with its unit. Takes "0.8 V", "800 mV" or a bare number in the unit that is shown. */
export function NumberField(props: NumberFieldProps) {
  const shown = typeof props.value === "number" ? exact(props.value, props.unit) : { text: props.value === null || props.value === undefined ? "" : String(props.value), unit: unitSymbol(props.unit) };
  const [text, setText] = useState<string | null>(null);
  const [refusal, setRefusal] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const made = useRef(0);
  const note = useId();
  const warning = text === null ? refusal : complaint(text, shown.unit, props);
  useEffect(() => setRefusal(""), [props.value]);

  const begin = (typed: string) => {
    if (text === null) made.current = revision();
    setText(typed);
  };
  const commit = async (typed: string) => {
    setText(null);
    if (typed === shown.text) return;
    setRefusal(await props.onCommit(typed.trim() === "" ? null : fieldValue(typed, props.unit, shown.unit), made.current));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.ctrlKey) {
      if (text !== null) void commit(text);
    } else if (event.key === "Escape") {
      setText(null);
      setRefusal("");
      if (text !== null) event.stopPropagation();
    } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && !event.altKey) {
      event.preventDefault();
      const typed = parseTyped(text ?? shown.text);
      if (!typed) return;
      const step = props.step && typed.unit === "" ? scaled(props.step, props.unit, shown.unit) : 1;
      const next = typed.value + (event.key === "ArrowUp" ? step : -step);
      begin(`${Number(next.toPrecision(12))}${typed.unit ? ` ${typed.unit}` : ""}`);
    }
  };
  return (
    <span className={`field num ${warning ? "bad" : ""} ${props.disabled ? "off" : ""} ${props.unapplied ? "unapplied" : ""}`}>
      <input
        ref={input}
        id={props.id}
        className="nodrag"
        data-dirty={text !== null}
        value={text ?? shown.text}
        placeholder={DASH}
        inputMode="decimal"
        autoComplete="off"
        spellCheck={false}
        disabled={props.disabled}
        aria-label={props.id ? undefined : `${props.label}${shown.unit ? `, ${shown.unit}` : ""}`}
        aria-invalid={warning !== ""}
        aria-describedby={warning ? note : undefined}
        title={warning || [limits(props.min, props.max, props.unit), props.unapplied ? "Not applied" : ""].filter(Boolean).join(". ") || undefined}
        onFocus={(event) => event.target.select()}
        onChange={(event) => begin(event.target.value)}
        onBlur={() => text !== null && void commit(text)}
        onKeyDown={onKeyDown}
      />
      {shown.unit && <span className="unit">{text !== null && parseTyped(text)?.unit ? "" : shown.unit}</span>}
      {warning && (
        <span id={note} className="sr">
          {warning}
        </span>
      )}
    </span>
  );
}

function scaled(step: number, unit: string, shownUnit: string): number {
  return inUnit({ value: step, unit: unitSymbol(unit) }, shownUnit) ?? step;
}

/** What is wrong with a text before it is sent; "" where nothing is, or only the worker can say. */
function complaint(text: string, shownUnit: string, { unit, min, max }: NumberFieldProps): string {
  if (text.trim() === "") return "";
  const typed = parseTyped(text);
  if (!typed) return `"${text.trim()}" is not a number.`;
  const value = inUnit(typed.unit === "" ? { value: typed.value, unit: shownUnit } : typed, unit);
  if (value === null) return "";
  const outside = (min !== null && value < min) || (max !== null && value > max);
  return outside ? `Allowed is ${limits(min, max, unit)}.` : "";
}
