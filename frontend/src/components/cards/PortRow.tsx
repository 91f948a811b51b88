import { Handle, Position } from "@xyflow/react";
import { memo, type ReactNode, useEffect, useRef } from "react";
import { isTall } from "../../model/card";
import { isLate } from "../../model/applied";
import { age, shortText, type Shown } from "../../model/format";
import { QUALITY } from "../../model/words";
import type { PortView } from "../../model/wire.gen";
import { now, onBeat } from "../../store/clock";
import { portValues } from "../../store/streams";
import { PinButton } from "../fields/PinButton";
import { PortInput } from "../fields/PortInput";
import { Icon } from "../parts/Icon";
import { PortShape } from "../parts/PortShape";
import { DeviceRow } from "./DeviceRow";

const NO_TEXT: Shown = { text: "", unit: "" };

export interface PortRowProps {
  node: string;
  port: PortView;
  side: "in" | "out";
  wired: boolean;
  device: string;
  /** While a wire is in the hand: "can" or "no". */
  fit: "" | "can" | "no";
  /** Nothing here is live: node missing or muted. */
  flat: boolean;
  connectable: boolean;
  /** The output of its device is on: its switches are amber. */
  energised: boolean;
}

/** One port of a card: shape on the edge, name, value or widget, age, pin. */
export const PortRow = memo(function PortRow(props: PortRowProps) {
  const { node, port, side, wired, fit } = props;
  const handle = (
    <Handle
      type={side === "in" ? "target" : "source"}
      position={side === "in" ? Position.Left : Position.Right}
      id={`${side}:${port.id}`}
      isConnectable={props.connectable}
      title={portTitle(port)}
    >
      <PortShape kind={port.kind} />
    </Handle>
  );
  const data = { "data-node": node, "data-port": port.id, "data-side": side };
  if (port.kind === "device") {
    return (
      <div className={`port ${side} ${fit}`} {...data}>
        {handle}
        <DeviceRow name={props.device} />
      </div>
    );
  }
  if (isTall(port, side, wired)) {
    return (
      <div className={`port in w ${fit}`} {...data} title={portTitle(port)}>
        {handle}
        <span className="lb">{port.name}</span>
        <PortInput node={node} port={port} power={props.energised} />
        <PinButton node={node} port={port} />
      </div>
    );
  }
  return (
    <ValueRow {...props} data={data}>
      {handle}
    </ValueRow>
  );
});

/** Shows what streams. Values and ages are written straight into the page: ten thousand a second
 *  would be too many for React to look at. */
function ValueRow({ node, port, side, fit, flat, data, children }: PortRowProps & { data: Record<string, string>; children: ReactNode }) {
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => (row.current ? follow(row.current, node, port, flat) : undefined), [node, port, flat]);
  return (
    <div className={`port ${side} ${fit}`} {...data} title={portTitle(port)} ref={row}>
      {children}
      <span className="lb">{port.name}</span>
      <span className="vl">
        <span className="q">
          <Icon name="alert" />
          <span className="sr" />
        </span>
        <span className="val" data-testid="value" />
      </span>
      <span className="un" />
      <span className="age" />
      <PinButton node={node} port={port} />
    </div>
  );
}

/** Keep a row's texts in step with its port until the returned function is called. */
function follow(row: HTMLElement, node: string, port: PortView, flat: boolean): () => void {
  const part = (name: string) => row.querySelector<HTMLElement>(name) ?? row;
  const [val, un, ageText, quality, spoken] = [part(".val"), part(".un"), part(".age"), part(".q"), part(".q .sr")];
  let t: number | null = null;
  let note = "";
  let stale = false;
  const writeAge = (at: number) => {
    write(ageText, note || (t === null ? "" : age(at - t)));
    const marked = String(stale || isLate(t, port.period_s, at));
    if (row.dataset.stale !== marked) row.dataset.stale = marked;
  };
  const update = () => {
    const value = portValues.get(node, port.id);
    const shown = port.kind === "trigger" ? NO_TEXT : shortText(flat ? null : value.value, value.u, port.unit);
    const words = flat || value.quality === "stale" ? "" : QUALITY[value.quality];
    write(val, shown.text);
    write(un, shown.unit);
    if (row.dataset.quality !== value.quality) {
      row.dataset.quality = words ? value.quality : "ok";
      quality.title = words;
      write(spoken, words);
    }
    stale = !flat && (value.stale || value.quality === "stale");
    note = flat || value.value === null ? "" : value.note;
    row.dataset.note = note;
    t = flat ? null : value.t;
    writeAge(now());
  };
  update();
  const stops = [portValues.subscribe(node, port.id, update), onBeat(writeAge)];
  return () => stops.forEach((stop) => stop());
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function portTitle(port: PortView): string {
  const type = port.kind === "quantity" ? `quantity in ${port.unit}` : port.type || port.kind;
  return `${port.name}: ${type}${port.doc ? `\n${port.doc}` : ""}`;
}
