import { isWired, type Wired } from "../../model/wires";
import { portText, withUnit } from "../../model/format";
import type { NodeView, PortView } from "../../model/wire.gen";
import { ApplyButton } from "../fields/ApplyButton";
import { useDeviceSays, useUnapplied } from "../fields/useApplied";
import { usePortValue } from "../fields/usePortValue";

/** Below the ports of a card: what of it was not written, and what is there instead (A1a). */
export function AppliedBox({ node, ports, wired }: { node: NodeView; ports: readonly PortView[]; wired: Wired }) {
  return ports
    .filter((port) => port.kind !== "trigger" && port.kind !== "device")
    .map((port) => <Line key={port.id} node={node} port={port} wired={isWired(wired, "in", port.id)} />);
}

function Line({ node, port, wired }: { node: NodeView; port: PortView; wired: boolean }) {
  const said = useDeviceSays(node.id, port.id);
  const { value } = usePortValue(node.id, port.id);
  if (!useUnapplied(node, port, wired)) return null;
  const has = said ? withUnit(portText(said.value, said.unit, true)) : "";
  const what = port.kind === "bool" ? `${value === true ? "on" : "off"} not applied` : "not applied";
  return (
    <div className="unapplied" data-testid="unapplied" data-node={node.id} data-port={port.id}>
      <span className="what">{what}</span>
      {has && <span className="has" title={`${node.device} has ${has}`}>{node.device}: {has}</span>}
      <ApplyButton node={node} />
    </div>
  );
}
