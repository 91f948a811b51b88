import { useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";
import { Sim } from "../parts/Lamp";

/** Name of the device, SIM, and Output ON at the right. */
export function DeviceRow({ name }: { name: string }) {
  const device = useEditor((state) => state.graph?.devices[name]);
  return (
    <span className="dev">
      <b>{name || "no device"}</b>
      {device?.simulated && <Sim />}
      {device?.output_on && (
        <span className="ticket">
          <Icon name="bolt" />
          Output ON
        </span>
      )}
    </span>
  );
}
