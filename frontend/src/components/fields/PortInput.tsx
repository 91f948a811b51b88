import { useRef, useState } from "react";
import { parseTyped } from "../../model/format";
import type { PortView } from "../../model/wire.gen";
import { revision } from "../../store/commands";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { setValue } from "../../store/edits";
import { NumberField } from "./NumberField";
import { useDeviceSays } from "./useApplied";
import { usePortValue } from "./usePortValue";

/** The widget of an unconnected input: number with unit, switch, choice or text. */
export function PortInput({ node, port, id, power = false }: { node: string; port: PortView; id?: string; power?: boolean }) {
  const { value: set, applied } = usePortValue(node, port.id);
  const disabled = useEditor((state) => !mayAct(state) || (isLocked(state) && !port.live));
  const said = useDeviceSays(node, port.id);
  const value = set ?? port.default;
  const commit = (next: unknown, made?: number) => setValue(node, port.id, next, made);
  if (port.options !== null) {
    return (
      <span className={`field pick ${disabled ? "off" : ""}`}>
        <select
          id={id}
          className="nodrag"
          data-unapplied={!applied}
          aria-label={id ? undefined : port.name}
          disabled={disabled}
          value={String(port.options.findIndex((option) => option === value))}
          onChange={(event) => void commit(port.options?.[Number(event.target.value)])}
        >
          {!port.options.includes(value) && <option value="-1">–</option>}
          {port.options.map((option, i) => (
            <option key={i} value={i}>
              {String(option)}
            </option>
          ))}
        </select>
      </span>
    );
  }
  if (port.kind === "bool") {
    // It stands as the device does, whatever was asked for (A1a).
    const on = said ? said.value === true : value === true;
    return (
      <button
        type="button"
        role="switch"
        id={id}
        className={`switch nodrag ${power ? "power" : ""} ${applied ? "" : "unapplied"}`}
        aria-checked={on}
        aria-label={port.name}
        title={applied ? undefined : `Set to ${value === true ? "on" : "off"}, not applied`}
        disabled={disabled}
        onClick={() => void commit(!on)}
      />
    );
  }
  if (port.kind === "number" || port.kind === "quantity") {
    const { name, unit, min, max, step } = port;
    return <NumberField label={name} {...{ value, unit, min, max, step, disabled }} {...(id ? { id } : {})} unapplied={!applied} onCommit={commit} />;
  }
  return <TextField label={port.name} value={value} disabled={disabled} loose={port.kind === "any"} {...(id ? { id } : {})} onCommit={commit} />;
}

function TextField(props: { label: string; value: unknown; disabled: boolean; loose: boolean; id?: string; onCommit: (value: unknown, made?: number) => Promise<string> }) {
  const shown = props.value === null || props.value === undefined ? "" : String(props.value);
  const [text, setText] = useState<string | null>(null);
  const made = useRef(0);
  const commit = () => {
    setText(null);
    if (text === null || text === shown) return;
    const typed = props.loose ? parseTyped(text) : null;
    void props.onCommit(text === "" && props.loose ? null : typed && typed.unit === "" ? typed.value : text, made.current);
  };
  return (
    <span className={`field text ${props.disabled ? "off" : ""}`}>
      <input
        id={props.id}
        className="nodrag"
        aria-label={props.id ? undefined : props.label}
        value={text ?? shown}
        disabled={props.disabled}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          if (text === null) made.current = revision();
          setText(event.target.value);
        }}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.ctrlKey) commit();
          if (event.key === "Escape") setText(null);
        }}
      />
    </span>
  );
}
