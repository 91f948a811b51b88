import { useEffect, useRef, useState } from "react";
import { duration, whole } from "../../model/format";
import { simBadge } from "../../model/graph";
import { compactMark } from "../../model/words";
import type { DeviceView, ExampleView } from "../../model/wire.gen";
import { go, mayAct, openDialog, useEditor } from "../../store/editor";
import { openExample, openSpace } from "../../store/spaces";
import { Strips } from "../bar/Strips";
import { TopBar } from "../bar/TopBar";
import { Icon } from "../parts/Icon";
import { Lamp, Sim } from "../parts/Lamp";
import { CurvePreview, MiniPreview } from "./Preview";
import { useSteps } from "./useSteps";

const NO_EXAMPLES: ExampleView[] = [];
const DIODE = "diode_iv";

/** Examples, the bench, what is saved: the way in. */
export function Start() {
  const examples = useEditor((state) => state.graph?.examples) ?? NO_EXAMPLES;
  const devices = Object.values(useEditor((state) => state.graph?.devices) ?? {});
  const [query, setQuery] = useState("");
  const bench = useEditor((state) => state.graph?.bench) ?? "";
  const [first, ...rest] = [...examples.filter((example) => isHere(example, bench)), ...examples.filter((example) => !isHere(example, bench))];
  const shown = rest.filter((example) => `${example.title} ${example.doc}`.toLowerCase().includes(query.trim().toLowerCase()));
  useEnter(first);
  return (
    <div className="page">
      <TopBar>
        <Nav />
      </TopBar>
      <Strips />
      <main className="start">
        <div className="wrap">
          <header>
            <div className="grow">
              <h1>{headline(devices)}</h1>
              <p className="lead">{lead(devices)}</p>
            </div>
          </header>
          <div className="cols">
            <div>
              {first && <Feature example={first} />}
              <div className="sec">
                <h2 className="h2">{rest.length ? "More examples" : "Or begin with nothing"}</h2>
                {rest.length > 3 && (
                  <label className="field">
                    <Icon name="search" />
                    <input placeholder="Find an example" aria-label="Find an example" value={query} onChange={(event) => setQuery(event.target.value)} />
                  </label>
                )}
              </div>
              <div className="gal">
                {shown.map((example) => (
                  <ExampleCard key={example.name} example={example} />
                ))}
                <EmptyCard />
              </div>
            </div>
            <aside className="side" aria-label="Bench and nodespaces">
              {(!first || first.name === DIODE) && <Steps />}
              <Bench devices={devices} />
              <Spaces />
            </aside>
          </div>
        </div>
      </main>
    </div>
  );
}

function Nav() {
  const open = useEditor((state) => state.graph?.space != null);
  return (
    <nav className="nav" aria-label="Main">
      <a href="/start" aria-current="page" onClick={(event) => event.preventDefault()}>
        Start
      </a>
      {open && (
        <a
          href="/"
          onClick={(event) => {
            event.preventDefault();
            go("editor");
          }}
        >
          Editor
        </a>
      )}
    </nav>
  );
}

/** Whether an example is made for the bench that is here. */
function isHere(example: ExampleView, bench: string): boolean {
  return !example.bench || example.bench === bench;
}

/** Enter opens the first example, unless it is meant for something that has the focus. */
function useEnter(first: ExampleView | undefined): void {
  const name = useRef(first?.name);
  name.current = first?.name;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || event.ctrlKey || event.defaultPrevented || document.querySelector(".dialog")) return;
      if (document.activeElement && document.activeElement !== document.body) return;
      if (name.current) void openExample(name.current);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function headline(devices: DeviceView[]): string {
  if (!devices.length) return "No devices on this bench yet";
  const simulated = devices.every((device) => device.simulated);
  const ready = devices.every((device) => device.state === "idle" || device.state === "busy");
  return `The ${simulated ? "simulated " : ""}bench is ${ready ? "ready" : "here, not all of it ready"}`;
}

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six"];

function lead(devices: DeviceView[]): string {
  const count = devices.length;
  if (!count) return "Graphs can be drawn and run without devices. Name instruments in the bench file and start the worker again.";
  const instruments = `${NUMBERS[count] ?? count} instrument${count === 1 ? "" : "s"}`;
  if (simBadge(Object.fromEntries(devices.map((device) => [device.name, device]))) === "SIM bench") {
    return `${instruments}, all simulated. Nothing here can be damaged. Swap in your own instruments later: only addresses change.`;
  }
  return `${instruments}. What is connected is shown at the right, as it is.`;
}

function Feature({ example }: { example: ExampleView }) {
  const active = useEditor(mayAct);
  return (
    <section className="card feat">
      <div className="tx">
        <h2>{example.title}</h2>
        <p>{example.doc}</p>
        <OtherBench example={example} />
        <div className="meta">
          {example.about_s !== null && (
            <span>
              <Icon name="clock" />
              About {duration(Math.max(1, Math.round(example.about_s))).replace(".0", "")}
            </span>
          )}
          <span>
            <Icon name="device" />
            {counted(example.devices, "device")}
          </span>
          <span>
            <Icon name="tidy" />
            {counted(example.nodes, "node")}
          </span>
        </div>
        <div className="go">
          <button type="button" className="btn primary lg" data-testid="open-example" data-example={example.name} disabled={!active} onClick={() => void openExample(example.name)}>
            Open example
          </button>
          <span className="dim small">
            or press <kbd>Enter</kbd>
          </span>
        </div>
      </div>
      <div className="pv">
        {example.name === DIODE ? <CurvePreview /> : <MiniPreview name={example.name} />}
      </div>
    </section>
  );
}

function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function ExampleCard({ example }: { example: ExampleView }) {
  const active = useEditor(mayAct);
  return (
    <button type="button" className="card ex" data-testid="open-example" data-example={example.name} disabled={!active} onClick={() => void openExample(example.name)}>
      <span className="im">
        <MiniPreview name={example.name} />
      </span>
      <span className="b">
        <b>{example.title}</b>
        <span className="p">{example.doc}</span>
        <OtherBench example={example} />
      </span>
    </button>
  );
}

/** How to get the bench of an example, where that is not the one that is here. */
function OtherBench({ example }: { example: ExampleView }) {
  const bench = useEditor((state) => state.graph?.bench) ?? "";
  if (isHere(example, bench)) return null;
  return (
    <span className="p dim small" data-testid="other-bench">
      Runs on the bench {example.bench}: <code>funcnodes demo --bench {example.bench}</code>
    </span>
  );
}

function EmptyCard() {
  const active = useEditor(mayAct);
  return (
    <button type="button" className="card ex" disabled={!active} onClick={() => openDialog("new")}>
      <span className="im dim">
        <Icon name="plus" />
      </span>
      <span className="b">
        <b>Start from an empty canvas</b>
        <span className="p">
          Press <kbd>/</kbd> to add the first node.
        </span>
      </span>
    </button>
  );
}

function Steps() {
  const steps = useSteps();
  const next = steps.findIndex((step) => !step.done);
  return (
    <section className="card">
      <h2 className="h2">First curve in a minute</h2>
      <ol className="steps">
        {steps.map((step, i) => (
          <li key={i} aria-current={i === next ? "step" : undefined} className={step.done ? "done" : ""}>
            <span className="n">{step.done ? <Icon name="check" small /> : i + 1}</span>
            <span>
              {step.text}
              {step.done && <span className="sr"> (done)</span>}
              {step.note && i === next && <small>{step.note}</small>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Bench({ devices }: { devices: DeviceView[] }) {
  return (
    <section className="card bench">
      <h2 className="h2">Bench {devices.length > 0 && devices.every((device) => device.simulated) && <Sim />}</h2>
      <ul className="bl">
        {devices.map((device) => {
          const mark = compactMark(device);
          return (
            <li key={device.name} title={device.message || device.address}>
              <Lamp mark={mark} />
              <span>
                {device.name} <span className="d">{device.model || device.driver}</span>
              </span>
              <span className="dim" aria-hidden="true">{mark.word}</span>
            </li>
          );
        })}
      </ul>
      {devices.length === 0 && <p className="dim small">No devices.</p>}
    </section>
  );
}

function Spaces() {
  const spaces = useEditor((state) => state.graph?.spaces) ?? [];
  const open = useEditor((state) => state.graph?.space?.name);
  const active = useEditor(mayAct);
  return (
    <section className="card">
      <h2 className="h2">Your nodespaces</h2>
      {spaces.length === 0 && <p className="dim small">None yet. Whatever you open is saved here after the first change.</p>}
      <div className="rec">
        {spaces.map((name) => (
          <button type="button" key={name} disabled={!active} onClick={() => (name === open ? go("editor") : void openSpace(name))}>
            <Icon name="file" />
            {name}
            <span>{name === open ? "open" : ""}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
