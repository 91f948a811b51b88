import { useEffect } from "react";
import { type About, isUnlisted, NOTHING_ASKED, sampleText } from "../../model/about";
import { askBefore, useBefore } from "../../store/before";
import { mayAct, useEditor } from "../../store/editor";
import { remember, useMemory } from "../../store/memory";

const EVERY_MS = 30_000;

/** What is said of the next run; it is kept with it, and found by it. */
export function NextRun() {
  const about = useMemory((state) => state.about);
  const allowed = useEditor(mayAct);
  const before = useAsked();
  const known = sampleText(before, about.sample);
  const asked = (name: keyof About) => ({ id: `next-${name}`, disabled: !allowed, "aria-required": before.required.includes(name) });
  const line = (name: "sample" | "project", label: string, list?: string) => (
    <label className="stack">
      <Label text={label} asked={before.required.includes(name)} />
      <span className={`field ${allowed ? "" : "off"}`}>
        <input value={about[name]} maxLength={200} autoComplete="off" list={list} {...asked(name)} onChange={(event) => say({ [name]: event.target.value })} />
      </span>
    </label>
  );
  return (
    <section className="sect nextrun" aria-label="Next run">
      <h3>Next run</h3>
      {line("sample", "Sample", "next-samples")}
      <datalist id="next-samples">
        {before.samples.map((each) => <option key={each.id} value={each.id}>{each.name}</option>)}
      </datalist>
      {known && <p className="dim small" data-testid="sample-row">{known}</p>}
      {isUnlisted(before, about.sample) && <p className="dim small">This sample is not on the list, as the bench asks for.</p>}
      {line("project", "Project")}
      <label className="stack">
        <Label text="Notes" asked={before.required.includes("notes")} />
        <textarea className="field area" rows={2} maxLength={10000} value={about.notes} {...asked("notes")} onChange={(event) => say({ notes: event.target.value })} />
      </label>
    </section>
  );
}

function Label({ text, asked }: { text: string; asked: boolean }) {
  return asked ? <span>{text} <span className="dim small">asked for</span></span> : text;
}

/** What this worker asks for, and its samples, now and again. */
function useAsked() {
  const worker = useEditor((state) => state.worker);
  const connected = useEditor((state) => state.connected);
  const known = useBefore();
  useEffect(() => {
    if (!connected) return undefined;
    void askBefore();
    const timer = setInterval(() => document.hidden || void askBefore(), EVERY_MS);
    return () => clearInterval(timer);
  }, [worker, connected]);
  return known.worker === worker ? known.before : NOTHING_ASKED;
}

const say = (said: Partial<About>) => remember.about(said);
