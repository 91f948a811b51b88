import { Handle, Position } from "@xyflow/react";
import { memo } from "react";
import { portText } from "../model/format";
import { QUALITY } from "../model/words";
import type { PortView } from "../model/wire.gen";
import { Age } from "./Age";
import { DeviceRow } from "./DeviceRow";
import { Icon } from "./Icon";
import { PinButton } from "./PinButton";
import { hasWidget, PortInput } from "./PortInput";
import { PortShape } from "./PortShape";
import { usePortValue } from "./usePortValue";

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
  if (side === "in" && !wired && port.kind !== "trigger" && hasWidget(port)) {
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

function ValueRow({ node, port, side, fit, flat, data, children }: PortRowProps & { data: Record<string, string>; children: React.ReactNode }) {
  const value = usePortValue(node, port.id);
  const empty = port.kind === "trigger";
  const shown = flat ? portText(null, port.unit) : portText(value.value, port.unit);
  const quality = flat ? "" : QUALITY[value.quality];
  const stale = !flat && (value.stale || value.quality === "stale");
  return (
    <div className={`port ${side} ${fit} ${stale ? "stale" : ""}`} {...data} title={portTitle(port)}>
      {children}
      <span className="lb">{port.name}</span>
      <span className="val" data-testid="value">
        {quality && value.quality !== "stale" && (
          <span className={`q ${value.quality}`} title={quality}>
            <Icon name="alert" />
            <span className="sr">{quality}</span>
          </span>
        )}
        {empty ? "" : shown.text}
      </span>
      <span className="un">{empty ? "" : shown.unit}</span>
      <Age t={flat ? null : value.t} />
      <PinButton node={node} port={port} />
    </div>
  );
}

function portTitle(port: PortView): string {
  const type = port.kind === "quantity" ? `quantity in ${port.unit}` : port.type || port.kind;
  return `${port.name}: ${type}${port.doc ? `\n${port.doc}` : ""}`;
}
