import { clockTime, portText, withUnit } from "../../model/format";
import { alarmMark, isActive, isShelved } from "../../model/safety";
import type { AlarmView } from "../../model/wire.gen";
import { acknowledge, shelve } from "../../store/bench";
import { mayAct, useEditor } from "../../store/editor";
import { Age } from "../parts/Age";
import { Icon } from "../parts/Icon";
import { Chip } from "../parts/Lamp";
import { Item, Label, Menu } from "../parts/Menu";
import { Said } from "../parts/Said";

const SHELVES: Array<[string, number]> = [["10 minutes", 600], ["1 hour", 3600], ["8 hours", 28_800], ["1 week", 604_800]];

/** One alarm: how grave, of what, the value with its age, and what a person can do about it. */
export function AlarmCard({ alarm }: { alarm: AlarmView }) {
  const allowed = useEditor(mayAct);
  const shelved = isShelved(alarm);
  return (
    <section className={`watchcard ${isActive(alarm) && !shelved ? "active" : ""}`} aria-label={`Alarm ${alarm.name}`} data-testid="alarm" data-alarm={alarm.name} data-severity={alarm.severity} data-unacknowledged={alarm.unacknowledged}>
      <div className="top">
        <b>{alarm.name}</b>
        <span className="grow" />
        <Chip mark={alarmMark(alarm)} />
      </div>
      <div className="watchvalue">
        <span className="src" title={alarm.source}>{alarm.source}</span>
        {alarm.read_t !== null && (
          <>
            <b>{withUnit(portText(alarm.value, alarm.unit))}</b>
            <Age t={alarm.read_t} />
          </>
        )}
      </div>
      {alarm.message && <p className="devmsg"><Said text={alarm.message} /></p>}
      {shelved && alarm.shelved_until !== null && <p className="devmsg">Shelved until {clockTime(alarm.shelved_until)}: nobody is told of it.</p>}
      <div className="acts">
        {alarm.unacknowledged !== "NO_ALARM" && (
          <button type="button" className="btn sm" disabled={!allowed} aria-label={`Acknowledge ${alarm.name}`} onClick={() => void acknowledge(alarm)}>
            <Icon name="check" small />
            Acknowledge
          </button>
        )}
        {shelved ? (
          <button type="button" className="btn sm ghost" disabled={!allowed} aria-label={`Unshelve ${alarm.name}`} onClick={() => shelve(alarm.name, 0)}>
            Unshelve
          </button>
        ) : (
          alarm.enabled && <Shelve name={alarm.name} disabled={!allowed} />
        )}
      </div>
    </section>
  );
}

function Shelve({ name, disabled }: { name: string; disabled: boolean }) {
  return (
    <Menu
      trigger={
        <button type="button" className="btn sm ghost" disabled={disabled} aria-label={`Shelve ${name}`}>
          Shelve
          <Icon name="down" small />
        </button>
      }
    >
      <Label>Tell nobody of it for</Label>
      {SHELVES.map(([words, seconds]) => (
        <Item key={seconds} onSelect={() => shelve(name, seconds)}>{words}</Item>
      ))}
    </Menu>
  );
}
