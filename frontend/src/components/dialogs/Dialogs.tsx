import { useState } from "react";
import { errorTitle } from "../../model/words";
import type { Problem } from "../../model/wire.gen";
import { get, openDialog, set, useEditor } from "../../store/editor";
import { resetEstop } from "../../store/estop";
import { setMyName } from "../../store/people";
import { newSpace, renameSpace } from "../../store/spaces";
import { unconfirmed } from "../bar/EStopRecord";
import { Said } from "../parts/Said";
import { ConnectDialog } from "./ConnectDialog";
import { ContinueDialog } from "./ContinueDialog";
import { Dialog } from "./Dialog";
import { DryRunDialog } from "./DryRunDialog";
import { HelpDialog } from "./HelpDialog";
import { LeaveLiveDialog } from "./LeaveLiveDialog";
import { MapDialog } from "./MapDialog";
import { SafetyDialog } from "./SafetyDialog";
import { SaveSubgraphDialog } from "./SaveSubgraphDialog";
import { VerdictsDialog } from "./VerdictsDialog";

const close = () => openDialog(null);

/** Whichever dialog is open. */
export function Dialogs() {
  const dialog = useEditor((state) => state.dialog);
  const problem = useEditor((state) => state.problem);
  if (problem) return <ProblemDialog problem={problem} />;
  switch (dialog) {
    case "help":
      return <HelpDialog onClose={close} />;
    case "reset":
      return <ResetDialog />;
    case "new":
      return <NameDialog title="New nodespace" label="Name" value="" action="Create" onDone={(name) => void newSpace(name)} />;
    case "rename":
      return <NameDialog title="Rename the nodespace" label="Name" value={get().graph?.space?.name ?? ""} action="Rename" onDone={(name) => void renameSpace(name)} />;
    case "name":
      return <NameDialog title="Your name" label="Shown to others, and in the records of runs" value={get().me?.name ?? ""} action="Save" onDone={(name) => void setMyName(name)} />;
    case "save-subgraph":
      return <SaveSubgraphDialog onClose={close} />;
    case "continue":
      return <ContinueDialog onClose={close} />;
    case "safety":
      return <SafetyDialog arming={null} onClose={close} />;
    case "arm-run":
    case "arm-live":
    case "arm-queue":
      return <SafetyDialog arming={dialog} onClose={close} />;
    case "leave-live":
      return <LeaveLiveDialog onClose={close} />;
    case "dry-run":
      return <DryRunDialog />;
    case "verdicts":
      return <VerdictsDialog onClose={close} />;
    case "map":
      return <MapDialog onClose={close} />;
    case "connect":
      return <ConnectDialog onClose={close} />;
    case null:
      return null;
  }
}

function NameDialog(props: { title: string; label: string; value: string; action: string; onDone: (name: string) => void }) {
  const [name, setName] = useState(props.value);
  const done = () => {
    if (!name.trim()) return;
    close();
    props.onDone(name.trim());
  };
  return (
    <Dialog
      title={props.title}
      onClose={close}
      actions={
        <button type="button" className="btn primary" disabled={!name.trim()} onClick={done}>
          {props.action}
        </button>
      }
    >
      <label className="stack">
        {props.label}
        <span className="field">
          <input autoFocus value={name} maxLength={80} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => event.key === "Enter" && !event.ctrlKey && done()} />
        </span>
      </label>
    </Dialog>
  );
}

/** Reset with each device that did not acknowledge confirmed by its name. */
function ResetDialog() {
  const latch = useEditor((state) => state.graph?.latch);
  const devices = latch ? unconfirmed(latch) : [];
  const [confirmed, setConfirmed] = useState<string[]>([]);
  const all = devices.every((ack) => confirmed.includes(ack.device));
  if (!latch?.latched) return null;
  return (
    <Dialog
      title="Reset the E-STOP"
      onClose={close}
      actions={
        <button type="button" className="btn primary" data-testid="confirm-reset" disabled={!all} onClick={() => void resetEstop(confirmed).then((done) => done && close())}>
          Reset
        </button>
      }
    >
      <p>These devices did not confirm that they are off. Look at each, then tick it.</p>
      <ul className="confirm">
        {devices.map((ack) => (
          <li key={ack.device}>
            <label>
              <input
                type="checkbox"
                checked={confirmed.includes(ack.device)}
                onChange={(event) => setConfirmed(event.target.checked ? [...confirmed, ack.device] : confirmed.filter((each) => each !== ack.device))}
              />
              <span>
                <b>{ack.device}</b> is off, I have looked.
              </span>
            </label>
          </li>
        ))}
      </ul>
      <p className="dim">Reset switches nothing on.</p>
    </Dialog>
  );
}

function ProblemDialog({ problem }: { problem: Problem }) {
  const context = Object.entries(problem.context);
  return (
    <Dialog title={errorTitle(problem.title)} onClose={() => set({ problem: null })}>
      <p className="said"><Said text={problem.detail} /></p>
      {problem.hint && <p className="dim">{problem.hint}</p>}
      {context.length > 0 && (
        <dl className="kv">
          {context.map(([key, value]) => (
            <div className="kvrow" key={key}>
              <dt>{key}</dt>
              <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </Dialog>
  );
}
