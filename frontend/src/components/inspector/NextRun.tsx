import { mayAct, useEditor } from "../../store/editor";
import { type About, remember, useMemory } from "../../store/memory";

/** What is said of the next run; it is kept with it, and found by it. */
export function NextRun() {
  const about = useMemory((state) => state.about);
  const allowed = useEditor(mayAct);
  const line = (name: "sample" | "project", label: string) => (
    <label className="stack">
      {label}
      <span className={`field ${allowed ? "" : "off"}`}>
        <input value={about[name]} maxLength={200} autoComplete="off" disabled={!allowed} onChange={(event) => say({ [name]: event.target.value })} />
      </span>
    </label>
  );
  return (
    <section className="sect nextrun" aria-label="Next run">
      <h3>Next run</h3>
      {line("sample", "Sample")}
      {line("project", "Project")}
      <label className="stack">
        Notes
        <textarea className="field area" rows={2} maxLength={10000} value={about.notes} disabled={!allowed} onChange={(event) => say({ notes: event.target.value })} />
      </label>
    </section>
  );
}

const say = (said: Partial<About>) => remember.about(said);
