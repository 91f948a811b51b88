import type { PortView } from "../../model/wire.gen";
import { mayAct, useEditor } from "../../store/editor";
import { pin } from "../../store/edits";
import { Icon } from "../parts/Icon";

export function PinButton({ node, port }: { node: string; port: PortView }) {
  const disabled = useEditor((state) => !mayAct(state));
  return (
    <button
      type="button"
      className="pinb nodrag"
      aria-label={`Pin ${port.name}`}
      aria-pressed={port.pinned}
      title={port.pinned ? "Pinned. P unpins." : "Pin, P"}
      disabled={disabled}
      onClick={() => pin(node, port.id)}
    >
      <Icon name="pin" />
    </button>
  );
}
