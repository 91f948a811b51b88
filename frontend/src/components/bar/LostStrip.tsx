import { restartWorker } from "../../store/arrival";
import { useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";

/** Says that nothing on the page is live, and why. */
export function LostStrip() {
  const lost = useEditor((state) => state.graph !== null && !state.connected);
  const reason = useEditor((state) => state.lostReason);
  const gone = useEditor((state) => state.gone);
  const admin = useEditor((state) => state.me?.role === "admin");
  if (!lost) return null;
  return (
    <div className="loststrip" role="status" data-testid="lost">
      <Icon name="alert" />
      <span className="grow">{reason} What is shown is from before.</span>
      {gone && admin && (
        <button type="button" className="btn sm" onClick={() => void restartWorker()}>
          Start the worker
        </button>
      )}
    </div>
  );
}
