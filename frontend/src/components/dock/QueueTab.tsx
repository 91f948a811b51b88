import { useRef, useState } from "react";
import { clockTime } from "../../model/format";
import { asPriority, details, EMPTY_QUEUE, standing, stepTo } from "../../model/queue";
import type { OnFailure, QueueEntryView } from "../../model/wire.gen";
import { ENTRY } from "../../model/words";
import { isLatched, mayAct, useEditor } from "../../store/editor";
import { addToQueue, approveBy, approveEntry, armQueue, clearQueue, disarmQueue, moveEntry, removeEntry, setOnFailure, setPriority } from "../../store/queue";
import { Icon } from "../parts/Icon";
import { Chip } from "../parts/Lamp";
import { Said } from "../parts/Said";

/** Runs that wait for their turn on this worker, what runs of them, and what became of the others. */
export function QueueTab() {
  const queue = useEditor((state) => state.graph?.queue) ?? EMPTY_QUEUE;
  const allowed = useEditor(mayAct);
  const over = queue.entries.some((entry) => ENDED.includes(entry.state));
  return (
    <>
      <div className="dockbar">
        <Add />
        <span className="grow" />
        {over && (
          <button type="button" className="btn sm ghost" disabled={!allowed} onClick={clearQueue}>
            Clear what is over
          </button>
        )}
        <Arm armed={queue.armed} />
      </div>
      <p className={`queuestate ${queue.armed ? "armed" : ""}`} role="status" data-testid="queue-state" data-armed={queue.armed}>
        <Icon name={queue.armed ? (queue.hold ? "hourglass" : "play") : "lock"} small />
        <span><Said text={standing(queue)} /></span>
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Queue of runs">
        <ul className="queue">
          {queue.entries.map((entry) => (
            <Entry key={entry.id} entry={entry} entries={queue.entries} allowed={allowed} />
          ))}
        </ul>
        {queue.entries.length === 0 && <p className="none">Nothing is queued. What you add is run as it is now, whatever is edited later.</p>}
      </div>
    </>
  );
}

const ENDED: Array<QueueEntryView["state"]> = ["done", "failed", "cancelled", "refused", "interrupted"];

function Add() {
  const name = useEditor((state) => state.graph?.space?.title || state.graph?.space?.name || "");
  const allowed = useEditor((state) => mayAct(state) && state.graph?.space !== null);
  const [called, setCalled] = useState("");
  const add = () => void addToQueue(called.trim()).then((done) => done && setCalled(""));
  return (
    <>
      <label className="field">
        <input
          placeholder={name ? `Name, else ${name}` : "Name"} aria-label="Name in the queue" maxLength={200} value={called} disabled={!allowed}
          onChange={(event) => setCalled(event.target.value)} onKeyDown={(event) => event.key === "Enter" && !event.ctrlKey && allowed && add()}
        />
      </label>
      <button type="button" className="btn sm" disabled={!allowed} title={name ? `A copy of ${name} as it is now` : "Open a nodespace first"} onClick={add}>
        <Icon name="plus" small />
        Add to queue
      </button>
    </>
  );
}

function Arm({ armed }: { armed: boolean }) {
  const allowed = useEditor(mayAct);
  const latched = useEditor(isLatched);
  return armed ? (
    <button type="button" className="btn sm" disabled={!allowed} title="The run that is on goes on" onClick={disarmQueue}>
      <Icon name="lock" small />
      Disarm
    </button>
  ) : (
    <button type="button" className="btn sm primary" disabled={!allowed || latched} title="Entries then begin by themselves" onClick={armQueue}>
      <Icon name="play" small />
      Arm
    </button>
  );
}

function Entry({ entry, entries, allowed }: { entry: QueueEntryView; entries: QueueEntryView[]; allowed: boolean }) {
  const called = `entry ${entry.id}, ${entry.name}`;
  const more = details(entry);
  const pending = entry.place > 0;
  return (
    <li data-testid="queue-entry" data-entry={entry.id} data-state={entry.state}>
      <span className="place" title={pending ? "Its place among those that wait" : ""}>{pending ? entry.place : ""}</span>
      <Chip mark={ENTRY[entry.state]} />
      <span className="what">
        <b>{entry.name}</b>
        <span className="dim"> entry {entry.id}{entry.number > 0 && `, run ${entry.number}`}, {entry.by}, <span title={new Date(entry.at * 1000).toLocaleString()}>{clockTime(entry.at)}</span></span>
        {more && <span className="dim line">{more}</span>}
        {entry.reason && <span className="line why"><Said text={entry.reason} /></span>}
      </span>
      <span className="acts">
        {entry.state === "waiting" && <Approve entry={entry} called={called} allowed={allowed} />}
        {pending && <Priority key={entry.priority} entry={entry} called={called} allowed={allowed} />}
        {!ENDED.includes(entry.state) && (
          <span className="field pick rule">
            <select aria-label={`If it fails: ${called}`} value={entry.on_failure} disabled={!allowed} onChange={(event) => setOnFailure(entry.id, event.target.value as OnFailure)}>
              <option value="stop">fails: stop</option>
              <option value="go on">fails: go on</option>
            </select>
          </span>
        )}
        {pending && <Step entry={entry} entries={entries} step={-1} allowed={allowed} />}
        {pending && <Step entry={entry} entries={entries} step={1} allowed={allowed} />}
        {entry.state !== "running" && (
          <button type="button" className="btn sm ghost icon" disabled={!allowed} aria-label={`Remove ${called}`} title={pending ? "Cancel it" : "Drop it from the list"} onClick={() => removeEntry(entry.id)}>
            <Icon name="x" small />
          </button>
        )}
      </span>
    </li>
  );
}

/** As it is, or by the evidence of a dry run in a file; what the bench asks for it says. */
function Approve({ entry, called, allowed }: { entry: QueueEntryView; called: string; allowed: boolean }) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="btn sm" disabled={!allowed} aria-label={`Approve ${called}`} onClick={() => approveEntry(entry.id)}>
        <Icon name="check" small />
        Approve
      </button>
      {!entry.evidence && (
        <>
          <button
            type="button" className="btn sm ghost icon" disabled={!allowed} aria-label={`Approve by a dry run: ${called}`} title="Approve by the evidence of a dry run, from a file"
            onClick={() => file.current?.click()}
          >
            <Icon name="file" small />
          </button>
          <input
            ref={file} type="file" accept=".json,application/json" hidden aria-label={`Evidence for ${called}`}
            onChange={(event) => {
              const [chosen] = event.target.files ?? [];
              if (chosen) void approveBy(entry.id, chosen);
              event.target.value = "";
            }}
          />
        </>
      )}
    </>
  );
}

/** Taken when it is left or with Enter; what is no priority goes back to what it was. */
function Priority({ entry, called, allowed }: { entry: QueueEntryView; called: string; allowed: boolean }) {
  const [text, setText] = useState(String(entry.priority));
  const take = () => {
    const priority = asPriority(text);
    if (priority === null) setText(String(entry.priority));
    else if (priority !== entry.priority) setPriority(entry.id, priority);
  };
  return (
    <label className="field rank" title="From -100 to 100; higher goes first">
      <span className="dim">priority</span>
      <input
        inputMode="numeric" aria-label={`Priority of ${called}`} value={text} disabled={!allowed} onChange={(event) => setText(event.target.value)} onBlur={take}
        onKeyDown={(event) => event.key === "Enter" && !event.ctrlKey && take()}
      />
    </label>
  );
}

function Step(props: { entry: QueueEntryView; entries: QueueEntryView[]; step: 1 | -1; allowed: boolean }) {
  const { entry, step } = props;
  const place = stepTo(props.entries, entry, step);
  return (
    <button
      type="button" className="btn sm ghost icon" disabled={!props.allowed || place === null} aria-label={`Move ${step < 0 ? "up" : "down"}: entry ${entry.id}, ${entry.name}`}
      onClick={() => place !== null && moveEntry(entry.id, place)}
    >
      <Icon name="down" small className={step < 0 ? "up" : ""} />
    </button>
  );
}
