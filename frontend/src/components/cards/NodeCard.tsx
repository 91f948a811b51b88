import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { hasDeviceRow, portsOf, shapeOf } from "../../model/card";
import { GROW, misjoin } from "../../model/fit";
import { duration, whole } from "../../model/format";
import { drawnRun } from "../../model/graph";
import { isWired, wiredOf } from "../../model/wires";
import { isFaulty, isStopped, nodeMark } from "../../model/words";
import type { NodeView, PlotSpec } from "../../model/wire.gen";
import { isLatched, isLocked, mayAct, selectOnly, set, useEditor } from "../../store/editor";
import { retry } from "../../store/edits";
import { Icon, nodeIcon } from "../parts/Icon";
import { Lamp } from "../parts/Lamp";
import { PortShape } from "../parts/PortShape";
import { Said } from "../parts/Said";
import { AppliedBox } from "./AppliedBox";
import { CardBody } from "./CardBody";
import { DeviceRow } from "./DeviceRow";
import { useRowCount } from "./PlotBody";
import { PortRow } from "./PortRow";
import { SmallCard } from "./SmallCard";
import { SubgraphRow } from "./SubgraphRow";
import { useSmall } from "./zoom";

export type CardNode = Node<Record<string, never>, "card">;

/** A node on the canvas. Draws itself from the store, so that the canvas need not know it changed. */
export const NodeCard = memo(function NodeCard({ id, selected, height }: NodeProps<CardNode>) {
  return useSmall() ? <SmallCard id={id} selected={selected} height={height} /> : <FullCard id={id} selected={selected} />;
});

const FullCard = memo(function FullCard({ id, selected }: { id: string; selected: boolean }) {
  const node = useEditor((state) => state.graph?.nodes[id]);
  const wired = useEditor((state) => (state.graph ? wiredOf(state.graph.edges, id) : ""));
  const inHand = useEditor((state) => state.wireInHand);
  const connectable = useEditor((state) => mayAct(state) && !isLocked(state));
  const energised = useEditor((state) => (node?.device ? state.graph?.devices[node.device]?.output_on === true : false));
  if (!node) return null;
  const { inputs, outputs } = portsOf(node, wired);
  const { width } = shapeOf(node, wired);
  const flat = node.muted || node.missing !== "";
  const fit = (port: string, side: "in" | "out") => {
    if (!inHand || (inHand.node === id && inHand.port === port && inHand.side === side)) return "" as const;
    const nodes = useEditor.getState().graph?.nodes ?? {};
    return misjoin(nodes, inHand, { node: id, port, side }) === "" ? ("can" as const) : ("no" as const);
  };
  const row = { node: id, device: node.device, flat, connectable, energised };
  const look = [selected && "sel", isFaulty(node) && "err", node.muted && "muted", node.missing && "disabled"];
  return (
    <article className={`node ${look.filter(Boolean).join(" ")}`} data-testid="node" data-node={id} data-state={node.state} style={{ width }}>
      <Header node={node} />
      <div className="ports ins">
        {hasDeviceRow(node, inputs) && (
          <div className="port in">
            <PortShape kind="device" />
            <DeviceRow name={node.device} />
          </div>
        )}
        {inputs.map((port) => (
          <PortRow key={port.id} {...row} port={port} side="in" wired={isWired(wired, "in", port.id)} fit={fit(port.id, "in")} />
        ))}
        {node.grows && (
          <div className={`port in grows ${fit(GROW, "in")}`} title="Drop a wire here to add an input" data-node={id} data-port={GROW} data-side="in">
            <Handle type="target" position={Position.Left} id={`in:${GROW}`} isConnectable={connectable}>
              <span className="plusport">
                <Icon name="plus" />
              </span>
            </Handle>
            <span className="lb">add a column</span>
          </div>
        )}
      </div>
      {outputs.length > 0 && (
        <div className="ports outs">
          {outputs.map((port) => (
            <PortRow key={port.id} {...row} port={port} side="out" wired={false} fit={fit(port.id, "out")} />
          ))}
        </div>
      )}
      <AppliedBox node={node} ports={inputs} wired={wired} />
      <CardBody node={node} />
      {node.subgraph && <SubgraphRow node={node} subgraph={node.subgraph} />}
      {(isFaulty(node) || node.missing) && <ErrorBox node={node} />}
    </article>
  );
});

function Header({ node }: { node: NodeView }) {
  const stopped = useEditor(isLatched);
  const run = useEditor((state) => drawnRun(state.graph, state.runs));
  const { text, tone } = stateText(node, run?.number);
  const share = node.progress?.total ? Math.min(1, node.progress.done / node.progress.total) : null;
  const halted = stopped && node.state === "running";
  return (
    <header>
      <Lamp mark={nodeMark(node, stopped)} title={isStopped(node) ? node.problem?.detail : undefined} />
      <Icon name={nodeIcon(node.icon, node.device ? "device" : "fx")} />
      <h3 title={node.title === node.name ? node.name : `${node.name}, ${node.title}`}>{node.name}</h3>
      {node.plot && node.state !== "error" ? <PointCount spec={node.plot} run={run?.id ?? ""} /> : <span className={`st ${tone}`}>{halted ? "" : text}</span>}
      {node.state === "running" && !halted && share !== null && (
        <span className="pbar" role="progressbar" aria-valuenow={Math.round(share * 100)} aria-label={`${node.name} progress`}>
          <i style={{ width: `${share * 100}%` }} />
        </span>
      )}
    </header>
  );
}

function PointCount({ spec, run }: { spec: PlotSpec; run: string }) {
  const points = useRowCount(run, spec);
  return <span className="st">{points ? `${whole(points)} point${points === 1 ? "" : "s"}` : ""}</span>;
}

function stateText(node: NodeView, run: number | undefined): { text: string; tone: string } {
  const took = node.duration_s === null ? "" : duration(node.duration_s);
  if (node.muted || node.missing || isStopped(node)) return { text: nodeMark(node).word, tone: "" };
  switch (node.state) {
    case "queued":
      return { text: "queued", tone: "" };
    case "running": {
      const { progress } = node;
      const recording = node.node_id.includes("record") && run !== undefined;
      const count = progress ? progress.text || (progress.total ? `${progress.done} of ${progress.total}` : String(progress.done)) : "";
      return { text: count || (recording ? `run ${run}` : took), tone: "run" };
    }
    case "error":
      return { text: "Error", tone: "err" };
    case "done":
      return { text: took, tone: "" };
    case "idle":
      return { text: "", tone: "" };
  }
}

function ErrorBox({ node }: { node: NodeView }) {
  const disabled = useEditor((state) => !mayAct(state) || isLatched(state));
  return (
    <div className="errbox" role="alert">
      <p>
        <Said text={node.problem?.detail ?? node.missing} />
      </p>
      <div className="acts">
        {node.problem && !node.missing && (
          <button type="button" className="btn nodrag" disabled={disabled} onClick={() => retry(node.id)}>
            <Icon name="turn" small />
            Retry
          </button>
        )}
        <button
          type="button"
          className="btn ghost nodrag"
          onClick={() => {
            selectOnly(node.id);
            set({ problem: node.problem });
          }}
        >
          Details
        </button>
      </div>
    </div>
  );
}
