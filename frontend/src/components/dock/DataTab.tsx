import { useEffect, useState } from "react";
import { clockTime, duration, whole } from "../../model/format";
import { isRunning } from "../../model/graph";
import { VERDICT, withVerdict } from "../../model/verdicts";
import { RUN } from "../../model/words";
import type { RunView } from "../../model/wire.gen";
import { api } from "../../store/api";
import { set, useEditor } from "../../store/editor";
import { runsWith } from "../../store/questions";
import { showVerdicts } from "../../store/verdicts";
import { planContinue } from "../../store/recorded";
import { Icon } from "../parts/Icon";
import { Chip, Sim } from "../parts/Lamp";

/** The runs of this worker, newest first, each with its CSV. */
export function DataTab() {
  const listed = useEditor((state) => state.runs);
  const current = useEditor((state) => state.graph?.run ?? null);
  const worker = useEditor((state) => state.worker);
  const [words, setWords] = useState("");
  const wanted = words.trim();
  const found = useFound(wanted, worker, listed);
  const all = withCurrent(listed, current);
  const runs = found ?? all.filter((run) => says(run, wanted.toLowerCase()));
  return (
    <>
      <div className="dockbar">
        <label className="field">
          <Icon name="search" />
          <input placeholder="Find a run" aria-label="Find a run" title="Words of whatever is known of a run: sample, tag, note, device, parameter, serial number" value={words} onChange={(event) => setWords(event.target.value)} />
        </label>
        <span className="grow" />
        <span className="dim small">{runs.length} {runs.length === 1 ? "run" : "runs"}</span>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Runs">
        <table className="data">
          <thead>
            <tr>
              <th>Run</th>
              <th style={{ width: "36%" }}>Nodespace</th>
              <th>Sample</th>
              <th>Started</th>
              <th>Took</th>
              <th>State</th>
              <th className="num">Rows</th>
              <th>By</th>
              <th><span className="sr">Continue, export</span></th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <tr key={run.id} data-testid="run-row" data-run={run.id}>
                <td className="m">{run.number}</td>
                <td>
                  <span className="row">
                    {run.nodespace} {run.simulated && <Sim />}
                    {run.continues && <span className="dim small" title={`It goes on with run ${numberOf(all, run.continues)} at point ${run.from_point}; both are exported as one`}>↳ run {numberOf(all, run.continues)}</span>}
                    {run.message && <span className="dim msg" title={run.message}>{run.message}</span>}
                  </span>
                </td>
                <td title={[run.project, run.notes].filter(Boolean).join(": ")}>{run.sample}</td>
                <td className="m" title={new Date(run.started * 1000).toLocaleString()}>{clockTime(run.started)}</td>
                <td className="m">{run.ended === null ? "" : duration(run.ended - run.started)}</td>
                <td>
                  <span className="row">
                    <Chip mark={RUN[run.state]} />
                    {run.verdict && (
                      <button type="button" className="verdict" data-testid="run-verdict" data-verdict={run.verdict} aria-label={`Verdict of run ${run.number}: ${VERDICT[run.verdict].word}`} onClick={() => void showVerdicts(run)}>
                        <Chip mark={VERDICT[run.verdict]} />
                      </button>
                    )}
                  </span>
                </td>
                <td className="num" data-testid="run-rows" data-kept={run.kept}>
                  {whole(run.rows)}
                  {isRunning(run) && <span className="dim small" title="On disk for good: what is kept survives a crash or a power cut"> {whole(run.kept)} kept</span>}
                </td>
                <td>{run.operator}</td>
                <td className="num">
                  {mayContinue(run, all, current) && (
                    <button type="button" className="btn sm ghost" data-testid="continue-run" aria-label={`Continue run ${run.number}`} onClick={() => void planContinue(run.id)}>
                      Continue
                    </button>
                  )}
                  {run.rows > 0 && (
                    <button type="button" className="btn sm ghost" aria-label={`Map of run ${run.number}`} onClick={() => set({ dialog: "map", mapRun: run.id })}>
                      Map
                    </button>
                  )}
                  {run.rows > 0 && (
                    <a className="btn sm ghost" href={api.exportUrl(worker, run.id)} download aria-label={`Download run ${run.number} as CSV`}>
                      <Icon name="download" small />
                      CSV
                    </a>
                  )}
                  {run.streams.map((stream) => (
                    <a key={stream} className="btn sm ghost" href={api.exportUrl(worker, run.id, stream)} download title={`Sampled beside the scan: ${stream}`} aria-label={`Download ${stream} of run ${run.number} as CSV`}>
                      <Icon name="download" small />
                      {stream}
                    </a>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {runs.length === 0 && <p className="none">{wanted ? `No run fits “${wanted}”.` : "No runs yet. Press Run and they appear here."}</p>}
      </div>
    </>
  );
}

/** Whether a run ended early, nobody has gone on with it, and none is on. What else is in the way the worker says. */
function mayContinue(run: RunView, runs: RunView[], current: RunView | null): boolean {
  const early = run.state === "stopped" || run.state === "aborted" || run.state === "failed" || run.state === "interrupted";
  return early && (run.rows > 0 || run.continues !== "") && !isRunning(current) && !runs.some((each) => each.continues === run.id);
}

function numberOf(runs: RunView[], id: string): string {
  return String(runs.find((each) => each.id === id)?.number ?? "before");
}

const WAIT_MS = 200;

/** What the worker finds by words, a moment after they were typed; null where it has not said. */
function useFound(wanted: string, worker: string, listed: RunView[]): RunView[] | null {
  const [found, setFound] = useState<{ wanted: string; runs: RunView[] } | null>(null);
  useEffect(() => {
    if (!wanted) return undefined;
    let ended = false;
    const timer = setTimeout(async () => {
      const runs = await runsWith(wanted);
      if (!ended && runs) setFound({ wanted, runs });
    }, WAIT_MS);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [wanted, worker, listed]);
  return found && wanted && found.wanted === wanted ? found.runs : null;
}

/** Until the worker has answered, by what is here. */
function says(run: RunView, wanted: string): boolean {
  return `${run.number} ${run.nodespace} ${run.operator} ${run.sample} ${run.project} ${RUN[run.state].word} ${run.verdict ?? ""}`.toLowerCase().includes(wanted);
}

/** The listing with the run on show as it is now. */
function withCurrent(listed: RunView[], current: RunView | null): RunView[] {
  if (!current) return listed;
  const others = listed.filter((run) => run.id !== current.id);
  return [...others, withVerdict(current, listed.find((run) => run.id === current.id))].sort((a, b) => b.number - a.number);
}
