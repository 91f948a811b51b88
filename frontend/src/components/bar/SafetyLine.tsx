import { planLine } from "../../model/safety";
import { openDialog, useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";

/** What E-STOP will do, in one line beside Run; all of it on click. */
export function SafetyLine() {
  const line = useEditor((state) => (state.graph ? planLine(state.graph.safety) : ""));
  const trouble = useEditor((state) => (state.graph?.safety.unreachable.length ?? 0) > 0);
  if (!line) return null;
  return (
    <button type="button" className={`safetyline ${trouble ? "trouble" : ""}`} data-testid="safety-line" aria-haspopup="dialog" title={`On E-STOP: ${line}`} onClick={() => openDialog("safety")}>
      <Icon name={trouble ? "alert" : "octagon"} small />
      <span>On E-STOP: {line}</span>
    </button>
  );
}
