import { useEffect } from "react";
import { newWorker, refreshWorkers, startWorker, watch } from "../../store/arrival";
import { useEditor } from "../../store/editor";
import { Strips } from "../bar/Strips";
import { TopBar } from "../bar/TopBar";

const EVERY_MS = 2000;

/** No worker runs: start one. */
export function NoWorker() {
  const workers = useEditor((state) => state.workers);
  useEffect(() => {
    const timer = setInterval(() => void refreshWorkers(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="page">
      <TopBar />
      <Strips />
      <main className="lone">
        <section className="card">
          <h1 className="h2">No worker is running</h1>
          <p>A worker owns the instruments and runs the graph. Start one to go on.</p>
          <ul className="workers">
            {workers.map((worker) => (
              <li key={worker.uuid}>
                <span className="grow">
                  <b>{worker.name}</b>
                  <small>{worker.message || [worker.state, worker.bench].filter(Boolean).join(", ")}</small>
                </span>
                <button type="button" className="btn" onClick={() => (worker.state === "running" ? watch(worker.uuid) : void startWorker(worker.uuid))}>
                  {worker.state === "running" ? "Open" : "Start"}
                </button>
              </li>
            ))}
          </ul>
          <button type="button" className={`btn ${workers.length ? "" : "primary"}`} onClick={() => void newWorker("worker")}>
            New worker
          </button>
        </section>
      </main>
    </div>
  );
}
