import { useState } from "react";
import { hasWidget } from "../../model/card";
import { duration, limits, portText, unitSymbol, valueText, whole, withUnit } from "../../model/format";
import { columnsOf } from "../../model/curve";
import { drawnRun } from "../../model/graph";
import { wiresOf } from "../../model/wires";
import { deviceMark, errorTitle, isFaulty, isStopped, nodeMark, OUTPUT_ON, QUALITY } from "../../model/words";
import type { NodeView, Policy, PortView } from "../../model/wire.gen";
import { isLatched, isLocked, mayAct, useEditor } from "../../store/editor";
import { disconnectInput, rename, retry, setPlot, setPolicy } from "../../store/edits";
import { columnsHere, rowsOf } from "../../store/streams";
import { ApplyButton } from "../fields/ApplyButton";
import { PinButton } from "../fields/PinButton";
import { PortInput } from "../fields/PortInput";
import { PromoteButton } from "../fields/PromoteButton";
import { useDeviceSays, useUnapplied } from "../fields/useApplied";
import { usePortValue } from "../fields/usePortValue";
import { Icon, nodeIcon } from "../parts/Icon";
import { Chip, Sim } from "../parts/Lamp";
import { PortShape } from "../parts/PortShape";
import { Reading } from "../parts/Reading";
import { Said } from "../parts/Said";
import { FrameSection } from "./FrameSection";
import { HeldBy } from "./HeldBy";
import { SpaceInspector } from "./SpaceInspector";
import { SubgraphSection } from "./SubgraphSection";

/** Everything about the selected node. */
export function Inspector() {
  const node = useEditor((state) => (state.selection.length === 1 ? state.graph?.nodes[state.selection[0] ?? ""] : undefined));
  const count = useEditor((state) => state.selection.length);
  return (
    <aside className="inspector" aria-label="Inspector">
      {node ? <NodeInspector node={node} key={node.id} /> : <SpaceInspector selected={count} />}
    </aside>
  );
}

function NodeInspector({ node }: { node: NodeView }) {
  const state = nodeMark(node, useEditor(isLatched));
  const inputs = node.inputs.filter((port) => port.kind !== "device" && port.kind !== "trigger").sort((a, b) => Number(a.hidden) - Number(b.hidden));
  return (
    <>
      <div className="insp-h">
        <div className="t">
          <Icon name={nodeIcon(node.icon, node.device ? "device" : "fx")} />
          <Name node={node} />
          <span className="grow" />
          <Chip mark={{ ...state, word: state.word.charAt(0).toUpperCase() + state.word.slice(1), tone: state.tone === "error" ? "fault" : state.tone }} />
        </div>
        <p>{ran(node)}</p>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Node details">
        {(isFaulty(node) || isStopped(node) || node.missing) && <ProblemSection node={node} />}
        <section className="sect">
          <h3>Parameters</h3>
          {inputs.map((port) => (
            <Parameter key={port.id} node={node} port={port} />
          ))}
          {inputs.length === 0 && <p className="dim small">None. It only takes what comes by wire.</p>}
          <PolicyChoice node={node} />
          <HeldBy ids={[node.id]} />
        </section>
        {node.subgraph && <SubgraphSection node={node} subgraph={node.subgraph} />}
        {node.is_frame && <FrameSection node={node} />}
        {node.body === "plot" && <PlotSection node={node} />}
        {node.outputs.length > 0 && (
          <section className="sect">
            <h3>Outputs</h3>
            {node.outputs.map((port) => (
              <Output key={port.id} node={node} port={port} />
            ))}
          </section>
        )}
        {node.device && <DeviceSection name={node.device} />}
        {node.doc && (
          <section className="sect docs">
            <h3>Docs</h3>
            {node.doc.split(/\n\s*\n/).map((paragraph, i) => (
              <p key={i} className={i ? "dim" : ""}>
                <Said text={paragraph} />
              </p>
            ))}
          </section>
        )}
      </div>
    </>
  );
}

function ran(node: NodeView): string {
  const kind = node.title === node.name ? "" : `${node.title}. `;
  if (node.runs === 0) return `${kind}Has not run yet`;
  const took = node.duration_s === null ? "" : `, ${duration(node.duration_s)} the last time`;
  return `${kind}Ran ${node.runs === 1 ? "once" : `${whole(node.runs)} times`}${took}`;
}

function Name({ node }: { node: NodeView }) {
  const [text, setText] = useState<string | null>(null);
  const active = useEditor((state) => mayAct(state) && !isLocked(state));
  const commit = () => {
    const name = text?.trim();
    setText(null);
    if (name && name !== node.name) rename(node.id, name);
  };
  if (text === null) {
    return (
      <h2>
        <button type="button" className="rename" title="Rename" disabled={!active} onClick={() => setText(node.name)}>
          {node.name}
        </button>
      </h2>
    );
  }
  return (
    <span className="field">
      <input
        autoFocus
        aria-label="Name of the node"
        value={text}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          if (event.key === "Escape") setText(null);
        }}
      />
    </span>
  );
}

function Parameter({ node, port }: { node: NodeView; port: PortView }) {
  const edge = useEditor((state) => (state.graph ? wiresOf(state.graph.edges).into.get(`${node.id} ${port.id}`) : undefined));
  const source = useEditor((state) => (edge ? state.graph?.nodes[edge.source]?.name : undefined));
  const energised = useEditor((state) => state.graph?.devices[node.device]?.output_on === true);
  const { value, quality } = usePortValue(node.id, port.id);
  const said = useDeviceSays(node.id, port.id);
  const unapplied = useUnapplied(node, port, edge !== undefined);
  const on = said ? said.value === true : value === true;
  const range = limits(port.min, port.max, port.unit);
  const id = `prm-${node.id}-${port.id}`;
  const notes = [QUALITY[quality], port.live ? "may change during a run" : ""].filter(Boolean);
  return (
    <div className="prm">
      {edge || !hasWidget(port) || port.kind === "bool" ? (
        <span className="pl" title={port.doc}>
          <PortShape kind={port.kind} />
          {port.name}
        </span>
      ) : (
        <label htmlFor={id} title={port.doc}>
          <PortShape kind={port.kind} />
          {port.name}
        </label>
      )}
      {edge ? (
        <span className="fromwire">
          <span className="src">from {source ?? "elsewhere"}</span>
          <b>{withUnit(portText(value, port.unit))}</b>
          <button type="button" className="btn ghost sm icon" aria-label={`Take the wire off ${port.name}`} title="Take the wire off" onClick={() => disconnectInput(node.id, port.id)}>
            <Icon name="x" small />
          </button>
        </span>
      ) : hasWidget(port) ? (
        <span className="slrow">
          <PortInput node={node.id} port={port} {...(port.kind === "bool" ? {} : { id })} power={energised} />
          {port.kind === "bool" && <span className={on && energised ? "powered grow" : "small grow"}>{on ? "ON" : "off"}</span>}
          <PromoteButton node={node.id} port={port} />
          <PinButton node={node.id} port={port} />
        </span>
      ) : (
        <span className="slrow">
          <span className="fromwire dim grow">takes a wire</span>
          <PromoteButton node={node.id} port={port} />
        </span>
      )}
      {(range || notes.length > 0) && (
        <span className="lim">
          <span>{range}</span>
          <span>{notes.join(", ")}</span>
        </span>
      )}
      {unapplied && (
        <span className="unapplied">
          <span className="what">{port.kind === "bool" ? `${value === true ? "on" : "off"} not applied` : "not applied"}</span>
          {said && <span className="has">{node.device}: {withUnit(portText(said.value, said.unit, true))}</span>}
          <ApplyButton node={node} />
        </span>
      )}
    </div>
  );
}

function Output({ node, port }: { node: NodeView; port: PortView }) {
  const { value, quality, stale, t, note, u } = usePortValue(node.id, port.id);
  return (
    <div className="prm">
      <span className="pl" title={port.doc}>
        <PortShape kind={port.kind} />
        {port.name}
      </span>
      <span className="slrow">
        {port.kind !== "trigger" && <Reading text={withUnit(valueText(value, u, port.unit))} t={t} stale={stale} note={value === null ? "" : note} period={port.period_s} />}
        <span className="dim small">{QUALITY[quality]}</span>
        <span className="grow" />
        <PromoteButton node={node.id} port={port} />
        <PinButton node={node.id} port={port} />
      </span>
    </div>
  );
}

const POLICIES: Array<[Policy, string, string]> = [
  ["each", "Each", "Runs at every change of an input"],
  ["settled", "Settled", "Runs once, when all that comes before has finished"],
  ["zip", "Zip", "Runs when every wired input has a new value"],
];

function PolicyChoice({ node }: { node: NodeView }) {
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  return (
    <div className="prm">
      <span className="pl" id="policy-label">Trigger</span>
      <span className="seg" role="radiogroup" aria-labelledby="policy-label">
        {POLICIES.map(([policy, label, title]) => (
          <button key={policy} type="button" role="radio" aria-checked={node.policy === policy} title={title} disabled={locked} onClick={() => setPolicy(node.id, policy)}>
            {label}
          </button>
        ))}
      </span>
    </div>
  );
}

function PlotSection({ node }: { node: NodeView }) {
  const run = useEditor((state) => drawnRun(state.graph, state.runs)?.id ?? "");
  const locked = useEditor((state) => !mayAct(state));
  const { plot } = node;
  const recorder = useEditor((state) => (plot?.recorder ? state.graph?.nodes[plot.recorder.split("~")[0] ?? ""] : undefined));
  if (!plot) return null;
  const rows = rowsOf(run, plot.recorder);
  const { x, y } = columnsOf(plot, rows);
  const recorded = columnsHere(run, plot.recorder.split("~")[0] ?? "");
  const names = [...new Set([...(recorded.length ? recorded : recorder?.node_id === "recorder" ? recorder.inputs.map((port) => port.name) : []), x, ...y].filter(Boolean))];
  if (!names.length) return null;
  const select = (label: string, value: string, onChange: (name: string) => void) => (
    <div className="prm">
      <label htmlFor={`plot-${label}`}>{label}</label>
      <span className="field pick">
        <select id={`plot-${label}`} value={value} disabled={locked} onChange={(event) => onChange(event.target.value)}>
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </span>
    </div>
  );
  return (
    <section className="sect">
      <h3>Plot</h3>
      {select("Across", x, (name) => setPlot(node.id, name, y))}
      {select("Up", y[0] ?? "", (name) => setPlot(node.id, x, [name]))}
    </section>
  );
}

function DeviceSection({ name }: { name: string }) {
  const device = useEditor((state) => state.graph?.devices[name]);
  if (!device) {
    return (
      <section className="sect">
        <h3>Device</h3>
        <p className="dim small">{name} is not on this bench.</p>
      </section>
    );
  }
  const facts: Array<[string, string]> = [["Model", device.model || device.driver], ["Serial", device.serial], ["Address", device.address], ["Safe state", device.safe_state]];
  return (
    <section className="sect">
      <h3>Device {device.simulated && <Sim />}</h3>
      <div className="row devrow">
        <b>{device.name}</b>
        <span className="grow" />
        <Chip mark={deviceMark(device)} />
        {device.output_on && <Chip mark={OUTPUT_ON} />}
      </div>
      {device.message && (
        <p className="devmsg">
          <Said text={device.message} />
        </p>
      )}
      <dl className="kv">
        {facts.filter(([, fact]) => fact).map(([label, fact]) => (
          <div className="kvrow" key={label}>
            <dt>{label}</dt>
            <dd title={fact}>{fact}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function ProblemSection({ node }: { node: NodeView }) {
  const disabled = useEditor((state) => !mayAct(state) || isLatched(state));
  const { problem } = node;
  const stopped = isStopped(node);
  const context = Object.entries(problem?.context ?? {}).filter(([, value]) => value !== null && value !== "");
  return (
    <section className={`sect ${stopped ? "" : "problem"}`} aria-label={stopped ? "Stopped" : "Error"}>
      <h3>
        <Icon name={stopped ? "square" : problem ? "x" : "lock"} small />
        {stopped ? "Stopped" : problem ? errorTitle(problem.title) : "Missing"}
      </h3>
      <p><Said text={problem?.detail ?? node.missing} /></p>
      {problem?.hint && <p className="dim">{problem.hint}</p>}
      {context.length > 0 && (
        <dl className="kv">
          {context.map(([key, value]) => (
            <div className="kvrow" key={key}>
              <dt>{key}</dt>
              <dd>{typeof value === "string" ? value : withUnit(portText(value, unitSymbol("")))}</dd>
            </div>
          ))}
        </dl>
      )}
      {problem && !node.missing && !stopped && (
        <button type="button" className="btn sm" disabled={disabled} onClick={() => retry(node.id)}>
          <Icon name="turn" small />
          Retry
        </button>
      )}
    </section>
  );
}
