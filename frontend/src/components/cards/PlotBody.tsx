import { useEffect, useRef, useSyncExternalStore } from "react";
import { axis, columnsOf, rawCurves, toCurve } from "../../model/curve";
import { drawnRun, isOf, isRunning } from "../../model/graph";
import type { NodeView, PlotSpec } from "../../model/wire.gen";
import { type EditorState, useEditor } from "../../store/editor";
import { onRows, rowsOf } from "../../store/streams";
import { Plot } from "./Plot";

const WIDTH = 366;
const HEIGHT = 226;
const EMPTY: PlotSpec = { recorder: "", x: "", y: [], x_label: "", y_label: "" };

/** The live curve on a plot node's card: this run solid, the one before dashed. */
export function PlotBody({ node }: { node: NodeView }) {
  const spec = node.plot ?? EMPTY;
  const run = useEditor((state) => drawnRun(state.graph, state.runs));
  const previous = useEditor(ownPrevious);
  const previousNumber = useEditor((state) => state.runs.find((each) => each.id === previous)?.number);
  const points = useRowCount(run?.id ?? "", spec);
  const body = useRef<HTMLDivElement>(null);
  const now = useRef<HTMLSpanElement>(null);
  const runId = run?.id ?? "";
  const live = useEditor((state) => state.connected) && isRunning(run);
  const hasPrevious = useRowCount(previous, spec) > 0;

  useEffect(() => {
    const element = body.current;
    if (!element) return undefined;
    const plot = new Plot(element, WIDTH, HEIGHT);
    const draw = () => {
      const drawing = compose(spec, runId, previous);
      plot.draw(drawing);
      if (now.current) now.current.textContent = drawing.current.map((curve) => curve.now).join("  ");
      element.dataset.points = String(drawing.current.reduce((most, curve) => Math.max(most, curve.points), 0));
      element.setAttribute("aria-label", `${drawing.y.label || "Values"} against ${drawing.x.label || "nothing yet"}, ${element.dataset.points} points`);
    };
    draw();
    const offRows = onRows((changed) => (changed === runId || changed === previous) && draw());
    const theme = new MutationObserver(() => plot.repaint());
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      offRows();
      theme.disconnect();
      plot.destroy();
    };
  }, [spec.recorder, spec.x, spec.y.join("\n"), spec.x_label, spec.y_label, runId, previous]);

  return (
    <div className="body">
      <div className="legend">
        {run && points > 0 && (
          <span>
            <svg viewBox="0 0 16 4" aria-hidden="true">
              <path d="M0 2H16" stroke="var(--series-1)" strokeWidth="2" />
            </svg>
            run {run.number}
            {live ? ", live" : ""}
          </span>
        )}
        {hasPrevious && (
          <span>
            <svg viewBox="0 0 16 4" aria-hidden="true">
              <path d="M0 2H16" stroke="var(--series-prev)" strokeWidth="1.5" strokeDasharray="3 3" />
            </svg>
            run {previousNumber ?? "before"}
          </span>
        )}
        {points === 0 && !hasPrevious && <span>{spec.recorder ? "No points yet. Press Run." : "No rows here. Wire a recorder to it."}</span>}
        <span className="now" ref={now} />
      </div>
      <div className="plot" data-testid="plot" data-node={node.id} data-points="0" ref={body} role="img" style={{ width: WIDTH, height: HEIGHT }} />
    </div>
  );
}

/** The run before, unless it was another nodespace's. */
function ownPrevious({ previousRun, runs, graph }: EditorState): string {
  const run = runs.find((each) => each.id === previousRun);
  return run && !isOf(run, graph?.space ?? null) ? "" : previousRun;
}

/** Rows of a run that are here, for texts around the plot. */
export function useRowCount(run: string, spec: PlotSpec): number {
  return useSyncExternalStore(onRows, () => rowsFor(spec, run)?.length ?? 0);
}

function rowsFor(spec: PlotSpec, run: string) {
  const rows = rowsOf(run, spec.recorder);
  return rows && (spec.recorder === "" || rows.recorder === spec.recorder) ? rows : undefined;
}

function compose(spec: PlotSpec, run: string, previous: string) {
  const [rows, before] = [rowsFor(spec, run), rowsFor(spec, previous)];
  const { x, y } = columnsOf(spec, rows ?? before);
  const [current, old] = [rawCurves(rows, x, y), rawCurves(before, x, y)];
  const all = [...current, ...old];
  const across = axis(all.map((raw) => raw.x), all[0]?.xUnit ?? "", spec.x_label || x);
  const up = axis(all.map((raw) => raw.y), all[0]?.yUnit ?? "", spec.y_label || y.join(", "));
  return {
    current: current.map((raw) => toCurve(raw, across.factor, up.factor)),
    previous: old.map((raw) => toCurve(raw, across.factor, up.factor)),
    x: across,
    y: up,
  };
}
