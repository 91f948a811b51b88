import { isRunning } from "../../model/graph";
import { useEditor } from "../../store/editor";
import { remember, useMemory } from "../../store/memory";
import { Icon } from "../parts/Icon";
import { useSteps } from "../start/useSteps";

/** One hint at a time, on the canvas, until the first curve's steps are done or it is closed. */
export function Hint() {
  const off = useMemory((memory) => memory.hintsOff);
  const steps = useSteps();
  const busy = useEditor((state) => isRunning(state.graph?.run ?? null) || state.graph?.latch.latched === true);
  const empty = useEditor((state) => Object.keys(state.graph?.nodes ?? {}).length === 0);
  const next = steps.find((step) => !step.done);
  if (off || busy || empty || !next || steps.indexOf(next) === 0) return null;
  return (
    <div className="hint" role="status">
      <span className="n">{steps.indexOf(next) + 1}</span>
      <span>{next.text}</span>
      <button type="button" className="btn ghost sm icon" aria-label="No more hints" title="No more hints" onClick={remember.hintsOff}>
        <Icon name="x" small />
      </button>
    </div>
  );
}
