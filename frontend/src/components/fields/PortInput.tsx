import { useState } from "react";
import { parseTyped } from "../../model/format";
import type { PortView } from "../../model/wire.gen";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { setValue } from "../../store/edits";
import { NumberField } from "./NumberField";
import { usePortValue } from "./usePortValue";

/** The widget of an unconnected input: number with unit, switch, choice or text. */
export function PortInput({ node, port, id, power = false }: { node: string; port: PortView; id?: string; power?: boolean }) {
  const { value: set, applied } = usePortValue(node, port.id);
  const disabled = useEditor((state) => !mayAct(state) || (isLocked(state) && !port.live));
  const onDevice = useEditor((state) => (state.graph?.nodes[node]?.device ?? "") !== "");
  const value = set ?? port.default;
  const commit = (next: unknown) => setValue(node, port.id, next);
  if (port.options !== null) {
    return (
      <span className={`field pick ${disabled ? "off" : ""}`}>
        <select
          id={id}
          className="nodrag"
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
    return (
      <button
        type="button"
        role="switch"
        id={id}
        className={`switch nodrag ${power ? "power" : ""}`}
        aria-checked={value === true}
        aria-label={port.name}
        disabled={disabled}
        onClick={() => void commit(value !== true)}
      />
    );
  }
  if (port.kind === "number" || port.kind === "quantity") {
    const { name, unit, min, max, step } = port;
    return <NumberField label={name} {...{ value, unit, min, max, step, disabled }} {...(id ? { id } : {})} unapplied={!applied && onDevice} onCommit={commit} />;
  }
  return <TextField label={port.name} value={value} disabled={disabled} loose={port.kind === "any"} {...(id ? { id } : {})} onCommit={commit} />;
}

function TextField(props: { label: string; value: unknown; disabled: boolean; loose: boolean; id?: string; onCommit: (value: unknown) => Promise<string> }) {
  const shown = props.value === null || props.value === undefined ? "" : String(props.value);
  const [text, setText] = useState<string | null>(null);
  const commit = () => {
    setText(null);
    if (text === null || text === shown) return;
    const typed = props.loose ? parseTyped(text) : null;
    void props.onCommit(text === "" && props.loose ? null : typed && typed.unit === "" ? typed.value : text);
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
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.ctrlKey) commit();
          if (event.key === "Escape") setText(null);
        }}
      />
    </span>
  );
}
