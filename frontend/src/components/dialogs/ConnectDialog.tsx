import { useMemo, useState } from "react";
import { misjoin, type WireEnd } from "../../model/fit";
import { nodesIn } from "../../model/scope";
import type { NodeView } from "../../model/wire.gen";
import { get, useEditor } from "../../store/editor";
import { connect } from "../../store/edits";
import { Dialog } from "./Dialog";

const NONE: Record<string, NodeView> = {};

/** Wiring without a mouse: an output of the selected node, and an input that takes it. */
export function ConnectDialog({ onClose }: { onClose: () => void }) {
  const nodes = useEditor((state) => nodesIn(state.graph?.nodes ?? NONE, state.scope));
  const node = nodes[get().selection[0] ?? ""];
  const [output, setOutput] = useState(node?.outputs.find((port) => port.kind !== "trigger")?.id ?? node?.outputs[0]?.id ?? "");
  const from: WireEnd | null = node ? { node: node.id, port: output, side: "out" } : null;
  const targets = useMemo(() => (from ? inputsFor(nodes, from) : []), [nodes, output]);
  const [target, setTarget] = useState("");
  const chosen = targets.find((each) => each.key === target) ?? targets[0];
  if (!node || !from) return null;
  const done = () => {
    if (chosen) connect(from, chosen.end);
    onClose();
  };
  return (
    <Dialog
      title={`Connect ${node.name}`}
      onClose={onClose}
      actions={
        <button type="button" className="btn primary" disabled={!chosen} onClick={done}>
          Connect
        </button>
      }
    >
      {node.outputs.length === 0 ? (
        <p>It has no outputs.</p>
      ) : (
        <>
          <label className="stack">
            From
            <span className="field pick">
              <select autoFocus value={output} onChange={(event) => setOutput(event.target.value)}>
                {node.outputs.map((port) => (
                  <option key={port.id} value={port.id}>{port.name}</option>
                ))}
              </select>
            </span>
          </label>
          <label className="stack">
            Into
            <span className="field pick">
              <select value={chosen?.key ?? ""} onChange={(event) => setTarget(event.target.value)} disabled={!targets.length}>
                {targets.map((each) => (
                  <option key={each.key} value={each.key}>{each.label}</option>
                ))}
              </select>
            </span>
          </label>
          {targets.length === 0 && <p className="dim">No input of another node takes it.</p>}
        </>
      )}
    </Dialog>
  );
}

function inputsFor(nodes: Record<string, NodeView>, from: WireEnd) {
  return Object.values(nodes).flatMap((node) =>
    [...node.inputs.filter((port) => !port.hidden).map(({ id, name }) => ({ id, name })), ...(node.grows ? [{ id: "+", name: "a new input" }] : [])].flatMap(({ id, name }) => {
      const end: WireEnd = { node: node.id, port: id, side: "in" };
      return misjoin(nodes, from, end) === "" ? [{ key: `${node.id} ${id}`, label: `${node.name}: ${name}`, end }] : [];
    }),
  );
}
