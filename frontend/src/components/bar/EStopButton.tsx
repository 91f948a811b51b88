import { useEditor } from "../../store/editor";
import { estop, scopeWords } from "../../store/estop";
import { Icon } from "../parts/Icon";

/** Acts on pointer down: no release, no confirmation, from anywhere. */
export function EStopButton({ compact = false }: { compact?: boolean }) {
  const reachable = useEditor((state) => state.connected || state.phase !== "ready");
  const scope = useEditor(scopeWords);
  const title = `Stops the outputs of ${scope} now. A software stop, not a safety device.`;
  return (
    <button
      type="button"
      className="estop"
      data-testid="estop"
      aria-keyshortcuts="Control+. Control+Alt+. Pause"
      title={reachable ? title : `${title} The connection is lost: it will be tried all the same.`}
      onPointerDown={(event) => {
        if (event.button === 0) estop();
      }}
      onClick={(event) => {
        // A click without a pointer comes from the keyboard or from assistive technology.
        if (event.detail === 0) estop();
      }}
    >
      <Icon name="octagon" />
      E-STOP
      {!compact && <kbd>Ctrl .</kbd>}
    </button>
  );
}
