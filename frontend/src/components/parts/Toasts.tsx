import { dismiss, useEditor } from "../../store/editor";
import { Icon } from "./Icon";
import { Said } from "./Said";

export function Toasts() {
  const toasts = useEditor((state) => state.toasts);
  return (
    <div className="toasts" role="region" aria-label="Messages" aria-live="polite">
      {toasts.map((toast) => (
        <div className={`toast ${toast.tone}`} key={toast.id} data-testid="toast">
          <Icon name={toast.tone === "error" ? "alert" : "check"} />
          <p>
            <Said text={toast.text} />
            {toast.hint && <small>{toast.hint}</small>}
          </p>
          <button type="button" className="btn ghost sm icon" aria-label="Close the message" onClick={() => dismiss(toast.id)}>
            <Icon name="x" small />
          </button>
        </div>
      ))}
    </div>
  );
}
