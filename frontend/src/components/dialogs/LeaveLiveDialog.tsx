import { portText, withUnit } from "../../model/format";
import type { DeviceView, WrittenView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { leaveLive } from "../../store/runs";
import { OUTPUT_ON } from "../../model/words";
import { Chip, Sim } from "../parts/Lamp";
import { Dialog } from "./Dialog";

const NOTHING: WrittenView[] = [];

/** What was set by hand since Live was switched on: to be parked now, or left as it is (A1a). */
export function LeaveLiveDialog({ onClose }: { onClose: () => void }) {
  const written = useEditor((state) => state.graph?.space?.written) ?? NOTHING;
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  return (
    <Dialog
      title="Leave Live"
      onClose={onClose}
      actions={
        <>
          <button type="button" className="btn" data-testid="leave-as-is" onClick={() => leaveLive(false)}>
            Leave as is
          </button>
          <button type="button" className="btn primary" data-testid="leave-park" autoFocus onClick={() => leaveLive(true)}>
            Park
          </button>
        </>
      }
    >
      <p>Set by hand since Live was switched on. Park brings these down in an orderly way; nothing else is touched.</p>
      <ul className="written">
        {written.map((each) => (
          <Written key={each.device} written={each} device={devices[each.device]} />
        ))}
      </ul>
      <p className="dim">Left as is, they stay on with nobody acting on them. What is still under way stops where it is.</p>
    </Dialog>
  );
}

function Written({ written, device }: { written: WrittenView; device: DeviceView | undefined }) {
  return (
    <li data-testid="written" data-device={written.device}>
      <div className="row">
        <b>{written.device}</b>
        {device?.simulated && <Sim />}
        <span className="grow" />
        {device?.output_on && <Chip mark={OUTPUT_ON} />}
      </div>
      <dl className="kv">
        {written.members.map((name) => {
          const found = device?.parameters.find((each) => each.name === name);
          return (
            <div className="kvrow" key={name}>
              <dt>{found?.title ?? name}</dt>
              <dd>{found ? withUnit(portText(found.value, found.unit, true)) : ""}</dd>
            </div>
          );
        })}
      </dl>
      {device?.safe_state && <p className="safe-state">Parked: {device.safe_state}</p>}
    </li>
  );
}
