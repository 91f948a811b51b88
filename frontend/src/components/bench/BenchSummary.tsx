import { compactMark } from "../../model/words";
import { isLatched, isLocked, mayAct, useEditor } from "../../store/editor";
import { setLive } from "../../store/runs";
import { Lamp, Sim } from "../parts/Lamp";
import { WatchStrip } from "./WatchStrip";

/** The bench in short, always in sight: a lamp and a word per device. */
export function BenchSummary() {
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  const arming = useEditor((state) => state.graph?.space?.arming ?? "disarmed");
  const allowed = useEditor((state) => mayAct(state) && !isLocked(state) && !isLatched(state) && state.graph?.space != null);
  const all = Object.values(devices);
  return (
    <section className="benchsum" aria-label="Bench">
      <h3>
        Bench {all.length > 0 && all.every((device) => device.simulated) && <Sim />}
        <span className="grow" />
        <span className="livesw" title="Live: what you set acts at once, on that device and nothing else. Scans and loops start as runs.">
          <span aria-hidden="true">{arming === "running" ? "Run acts" : "Live"}</span>
          <button type="button" role="switch" className="switch sm" aria-checked={arming !== "disarmed"} aria-label="Live outside runs" disabled={!allowed} onClick={() => setLive(arming === "disarmed")} />
        </span>
      </h3>
      {all.map((device) => {
        const mark = compactMark(device);
        return (
          <div className="devline" key={device.name} data-testid="device" data-device={device.name} data-state={device.state} data-output={String(device.output_on)} title={device.message}>
            <Lamp mark={mark} />
            <span>{device.name}</span>
            <span className={`st ${mark.tone}`} aria-hidden="true">{mark.word}</span>
          </div>
        );
      })}
      {all.length === 0 && <p className="none">No devices on this bench.</p>}
      <WatchStrip />
    </section>
  );
}
