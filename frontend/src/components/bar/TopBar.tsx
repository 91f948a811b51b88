import type { ReactNode } from "react";
import { clockTime, pausedFor, timeToGo, whole } from "../../model/format";
import { canStop, isOf, isRunning, nextStop, ownRun, simBadge } from "../../model/graph";
import { RUN } from "../../model/words";
import type { PersonView, RunView } from "../../model/wire.gen";
import { go, isLatched, mayAct, openDialog, useEditor } from "../../store/editor";
import { remember, type Theme, useMemory } from "../../store/memory";
import { takeControls } from "../../store/people";
import { pause, run as startRun, stop } from "../../store/runs";
import { openExample, openSpace } from "../../store/spaces";
import { Brand, Icon } from "../parts/Icon";
import { Choice, Item, Label, Line, Menu } from "../parts/Menu";
import { useTick } from "../parts/useTick";
import { EStopButton } from "./EStopButton";
import { SafetyLine } from "./SafetyLine";

/** The bar of every page: what is open at the left, E-STOP at the right. */
export function TopBar({ children }: { children?: ReactNode }) {
  return (
    <header className="topbar">
      <a
        className="brand"
        href="/start"
        aria-label="Start page"
        onClick={(event) => {
          event.preventDefault();
          go("start");
        }}
      >
        <Brand />
      </a>
      <div className="givesway">{children}</div>
      <SimBadge />
      <People />
      <ThemeMenu />
      <EStopButton />
    </header>
  );
}

/** Nodespace, saved state, run control and progress. */
export function EditorBar() {
  const run = useEditor((state) => state.graph && ownRun(state.graph));
  return (
    <>
      <SpaceMenu />
      <Saved />
      <span className="vr" />
      <div className="runrow">
        <RunControl run={run} />
        <RunProgress run={run} />
        <SafetyLine />
      </div>
    </>
  );
}

function SpaceMenu() {
  const space = useEditor((state) => state.graph?.space);
  const spaces = useEditor((state) => state.graph?.spaces);
  const examples = useEditor((state) => state.graph?.examples);
  const active = useEditor(mayAct);
  return (
    <Menu
      trigger={
        <button type="button" className="nsname" aria-label={`Nodespace ${space?.name ?? ""}`} data-testid="nodespace">
          <span className="tt">{space?.title || space?.name}</span>
          <Icon name="down" small />
        </button>
      }
    >
      <Item icon="plus" disabled={!active} onSelect={() => openDialog("new")}>New nodespace</Item>
      <Item icon="note" disabled={!active} onSelect={() => openDialog("rename")}>Rename</Item>
      <Item icon="left" onSelect={() => go("start")}>Start page</Item>
      {spaces && spaces.length > 0 && (
        <>
          <Line />
          <Label>Open</Label>
          {spaces.map((name) => (
            <Item key={name} icon={name === space?.name ? "check" : "file"} disabled={!active || name === space?.name} onSelect={() => void openSpace(name)}>
              {name}
            </Item>
          ))}
        </>
      )}
      {examples && examples.length > 0 && (
        <>
          <Line />
          <Label>Examples</Label>
          {examples.map((example) => (
            <Item key={example.name} icon="chart" disabled={!active} onSelect={() => void openExample(example.name)}>
              {example.title}
            </Item>
          ))}
        </>
      )}
    </Menu>
  );
}

function Saved() {
  const saved = useEditor((state) => state.graph?.space?.saved ?? null);
  const connected = useEditor((state) => state.connected);
  const reason = useEditor((state) => state.lostReason);
  if (!connected) {
    return (
      <span className="saved lost" role="status" title={reason}>
        <Icon name="turn" small />
        Not connected
      </span>
    );
  }
  return (
    <span className="saved" data-testid="saved">
      {saved !== null && <Icon name="check" small />}
      {saved === null ? "Not saved yet" : `Saved ${clockTime(saved)}`}
    </span>
  );
}

function RunControl({ run }: { run: RunView | null }) {
  const allowed = useEditor((state) => mayAct(state) && !isLatched(state));
  const fresh = useMemory((memory) => !memory.hasRun);
  const empty = useEditor((state) => Object.keys(state.graph?.nodes ?? {}).length === 0);
  const [busy, paused] = [isRunning(run), run?.state === "paused"];
  const stoppable = useEditor((state) => canStop(state.graph));
  const next = nextStop(run);
  const canRun = allowed && !empty && (!busy || paused);
  const invite = canRun && fresh;
  const inviting = useTick<HTMLButtonElement>(invite);
  return (
    <div className="btngroup" role="group" aria-label="Run control">
      <button type="button" className={`btn ${invite ? "invite" : ""}`} data-testid="run" ref={inviting} disabled={!canRun} aria-keyshortcuts="Control+Enter" title={paused ? "Go on, Ctrl+Enter" : "Run, Ctrl+Enter"} onClick={startRun}>
        <Icon name="play" />
        {paused ? "Resume" : "Run"}
      </button>
      <button type="button" className="btn" data-testid="pause" disabled={!allowed || run?.state !== "running"} title="Holds the outputs as they are" onClick={pause}>
        <Icon name="pause" />
        Pause
      </button>
      <button type="button" className="btn" data-testid="stop" disabled={!allowed || !stoppable} aria-keyshortcuts="Control+Alt+Enter" title={`${STOP[next].title}, Ctrl+Alt+Enter`} onClick={() => void stop()}>
        <Icon name="stop" />
        {STOP[next].word}
      </button>
    </div>
  );
}

/** What the Stop button says, by what it does. */
const STOP = {
  stop: { word: "Stop", title: "Stops whatever acts and leaves the bench safe" },
  abort: { word: "Abort", title: "Gives up the point under way, then leaves the bench safe" },
  halt: { word: "Halt", title: "Ends at once: no finally, no ramps, outputs as by E-STOP" },
} as const;

function RunProgress({ run }: { run: RunView | null }) {
  const foreign = useEditor((state) => run !== null && !isOf(run, state.graph?.space ?? null));
  if (!run) return null;
  const share = run.total ? Math.min(1, run.done / run.total) : null;
  const live = isRunning(run);
  return (
    <div className="prog" data-testid="progress" data-state={run.state} data-done={run.done}>
      <span className="bar" role="progressbar" aria-valuenow={share === null ? undefined : Math.round(share * 100)} aria-label={`Run ${run.number}`}>
        <i style={{ width: `${(share ?? (live ? 0 : 1)) * 100}%` }} className={run.state === "running" ? "" : "held"} />
      </span>
      {share !== null && <span><b>{Math.floor(share * 100)} %</b></span>}
      <span title={`${whole(run.kept)} ${run.kept === 1 ? "row" : "rows"} kept on disk`}>
        <b>{run.total ? `${whole(run.done)}/${whole(run.total)}` : whole(run.done)}</b> points
      </span>
      {foreign && <span title="A run of the queue, of another nodespace than this">{run.nodespace}</span>}
      {live && run.waiting && <span data-testid="waiting">{run.waiting}</span>}
      {run.state === "running" && <span data-testid="time-to-go">{timeToGo(run)}</span>}
      {run.state === "paused" && <span className="why" role="status" data-testid="paused" title={run.message}>{pausedFor(run)}</span>}
      {run.state !== "running" && run.state !== "paused" && <span title={run.message}>{RUN[run.state].word.toLowerCase()}</span>}
    </div>
  );
}

function SimBadge() {
  const badge = useEditor((state) => simBadge(state.graph?.devices ?? {}));
  if (!badge) return null;
  return (
    <>
      <span className="sim whole" title={badge === "SIM bench" ? "Every device on this bench is simulated" : "Some devices on this bench are simulated"}>{badge}</span>
      <span className="vr" />
    </>
  );
}

function People() {
  const me = useEditor((state) => state.me);
  const people = useEditor((state) => state.graph?.people) ?? [];
  const connected = useEditor((state) => state.connected);
  if (!me) return null;
  const others = people.filter((person) => person.id !== me.id);
  const self = people.find((person) => person.id === me.id) ?? me;
  const holder = people.find((person) => person.holder);
  const says = holder ? (holder.id === me.id ? "You hold the controls." : `${holder.name} holds the controls.`) : "Nobody holds the controls.";
  return (
    <Menu
      align="end"
      trigger={
        <button type="button" className="who" title={says} aria-label={`People: ${[self, ...others].map((person) => person.name || "you").join(", ")}. ${says}`}>
          <span className="ava me">{initial(self)}</span>
          {others.slice(0, 4).map((person) => (
            <span className="ava" key={person.id}>{initial(person)}</span>
          ))}
        </button>
      }
    >
      <Label>{says}</Label>
      {[self, ...others].map((person) => (
        <div className="menu-person" key={person.id}>
          {person.name || "you"}
          <span className="dim">{person.id === me.id ? "you, " : ""}{person.role}{person.holder ? ", holds the controls" : ""}</span>
        </div>
      ))}
      <Line />
      {holder?.id !== me.id && <Item icon="unlock" disabled={!connected || me.role === "viewer"} onSelect={takeControls}>Take the controls</Item>}
      <Item icon="note" onSelect={() => openDialog("name")}>Set your name</Item>
      <Item icon="help" hint="?" onSelect={() => openDialog("help")}>Keys</Item>
    </Menu>
  );
}

function initial(person: PersonView): string {
  return (person.name.trim().charAt(0) || "?").toUpperCase();
}

const THEMES: Array<[Theme, string]> = [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]];

function ThemeMenu() {
  const theme = useMemory((memory) => memory.theme);
  return (
    <Menu
      align="end"
      trigger={
        <button type="button" className="btn ghost icon" aria-label="Light or dark" title="Light or dark">
          <Icon name="sun" />
        </button>
      }
    >
      <Choice value={theme} options={THEMES} onChange={remember.theme} />
    </Menu>
  );
}
