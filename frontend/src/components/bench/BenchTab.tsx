import { useState } from "react";
import { limits, portText, withUnit } from "../../model/format";
import { deviceMark, OUTPUT_ON } from "../../model/words";
import { activeAlarms, trippedFirst } from "../../model/safety";
import type { DeviceView, ParameterView, WatchView } from "../../model/wire.gen";
import { acceptChanges, connectDevice, disconnectDevice } from "../../store/bench";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";
import { Chip, Sim } from "../parts/Lamp";
import { Reading } from "../parts/Reading";
import { Said } from "../parts/Said";
import { AlarmCard } from "./AlarmCard";
import { HistoryStrip } from "./HistoryStrip";
import { InterlockCard } from "./InterlockCard";

const NOTHING: WatchView = { alarms: [], interlocks: [] };

/** What the bench watches by itself; then every device with its lamps, parameters and limits. */
export function BenchTab() {
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  const bench = useEditor((state) => state.graph?.bench);
  const all = Object.values(devices);
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Devices, alarms and interlocks">
      <Watched />
      {all.map((device) => (
        <DeviceCard key={device.name} device={device} />
      ))}
      {all.length === 0 && <p className="none">No devices. Add them to the bench file{bench ? ` of ${bench}` : ""} and start the worker again.</p>}
    </div>
  );
}

function Watched() {
  const watch = useEditor((state) => state.graph?.watch) ?? NOTHING;
  const active = activeAlarms(watch);
  const alarms = [...active, ...watch.alarms.filter((alarm) => !active.includes(alarm))];
  return (
    <>
      {watch.interlocks.length > 0 && <h3 className="watch-h">Interlocks</h3>}
      {trippedFirst(watch.interlocks).map((interlock) => (
        <InterlockCard key={interlock.name} interlock={interlock} />
      ))}
      {alarms.length > 0 && <h3 className="watch-h">Alarms</h3>}
      {alarms.map((alarm) => (
        <AlarmCard key={alarm.name} alarm={alarm} />
      ))}
      {watch.interlocks.length + alarms.length > 0 && <h3 className="watch-h">Devices</h3>}
    </>
  );
}

function DeviceCard({ device }: { device: DeviceView }) {
  const acts = useEditor(mayAct);
  const allowed = useEditor((state) => mayAct(state) && !isLocked(state));
  const off = device.state === "offline" || device.state === "fault";
  return (
    <section className="devcard" aria-label={device.name}>
      <div className="top">
        <b>{device.name}</b>
        {device.simulated && <Sim />}
        <span className="grow" />
        <button type="button" className="btn ghost sm" disabled={!allowed} onClick={() => (off ? connectDevice : disconnectDevice)(device.name)} aria-label={`${off ? "Connect" : "Disconnect"} ${device.name}`}>
          {off ? "Connect" : "Disconnect"}
        </button>
      </div>
      <p className="sub" title={device.address}>{[device.model || device.driver, device.address].filter(Boolean).join(" · ")}</p>
      <div className="chips">
        {device.output_on && <Chip mark={OUTPUT_ON} />}
        <Chip mark={deviceMark(device)} />
      </div>
      {device.message && (
        <p className="devmsg">
          <Said text={device.message} />
          {device.changed && (
            <button type="button" className="btn sm" disabled={!acts} onClick={() => acceptChanges(device.name)} aria-label={`Accept the settings of ${device.name}`} title="Take the settings for what they should be, as they are now">
              Accept
            </button>
          )}
        </p>
      )}
      <dl className="kv">
        {device.parameters.filter((parameter) => parameter.kind !== "command").map((parameter) => (
          <Parameter key={parameter.name} device={device.name} parameter={parameter} />
        ))}
      </dl>
      {device.safe_state && <p className="safe-state">Safe state: {device.safe_state}</p>}
    </section>
  );
}

function Parameter({ device, parameter }: { device: string; parameter: ParameterView }) {
  const [past, showPast] = useState(false);
  const chosen = parameter.kind === "control" || parameter.kind === "setting";
  const text = withUnit(portText(parameter.value, parameter.unit, chosen));
  const range = limits(parameter.min, parameter.max, parameter.unit);
  return (
    <>
      <dt title={parameter.doc}>
        <button type="button" className="past" aria-expanded={past} aria-label={`Past of ${parameter.title || parameter.name}`} onClick={() => showPast(!past)}>
          {parameter.title || parameter.name} <Icon name="chart" small />
        </button>
        {range && <small>{range}</small>}
      </dt>
      <dd>{chosen ? text : <Reading text={text} t={parameter.t} stale={parameter.quality === "stale"} note={parameter.value === null ? "" : parameter.note} period={parameter.period_s} />}</dd>
      {past && (
        <dd className="strip">
          <HistoryStrip device={device} parameter={parameter.name} title={parameter.title || parameter.name} />
        </dd>
      )}
    </>
  );
}
