import type { ReactNode } from "react";
import { inUnit } from "../../model/format";
import type { NodeView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { portValues } from "../../store/streams";

export interface Step {
  text: ReactNode;
  note?: string;
  done: boolean;
}

const ASKED_V = 0.8;

function isAsked(node: NodeView): boolean {
  const stop = node.inputs.find((port) => port.id === "stop");
  const value = stop && portValues.get(node.id, "stop").value;
  return typeof value === "number" && inUnit({ value, unit: stop?.unit || "V" }, "V") === ASKED_V;
}

/** The way to a first curve, each step ticked by what the worker shows. */
export function useSteps(): Step[] {
  const opened = useEditor((state) => state.graph?.space != null);
  const runs = useEditor((state) => Math.max(state.runs.length, state.graph?.run ? 1 : 0));
  const changed = useEditor((state) => Object.values(state.graph?.nodes ?? {}).some(isAsked));
  const pinned = useEditor((state) => Object.values(state.graph?.nodes ?? {}).some((node) => [...node.inputs, ...node.outputs].some((port) => port.pinned)));
  return [
    { text: <b>Open the diode example</b>, note: "It arrives wired.", done: opened },
    {
      text: (
        <>
          Press Run, or <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </>
      ),
      done: runs > 0,
    },
    { text: "Change Stop to 0.8 V and run again", done: runs > 1 && (changed || runs > 3) },
    { text: "Pin Stop, so that it is always marked", done: pinned },
  ];
}
