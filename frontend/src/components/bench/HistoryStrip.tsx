import { useEffect, useRef, useState } from "react";
import { historyDrawing, historyWords, type Span, SPANS } from "../../model/history";
import type { HistoryView } from "../../model/wire.gen";
import { pastOf } from "../../store/questions";
import { Plot } from "../cards/Plot";

const EVERY_MS = 3000;
const HEIGHT = 120;

/** What a parameter was of late, outside runs too; followed while it is looked at. */
export function HistoryStrip({ device, parameter, title }: { device: string; parameter: string; title: string }) {
  const [span, setSpan] = useState<Span>(SPANS[0] as Span);
  const view = usePast(device, parameter, span);
  const isText = view?.kind === "text";
  return (
    <div data-testid="history" data-points={view?.t.length ?? 0} role="group" aria-label={`Past of ${title}`}>
      <div className="seg sm" role="group" aria-label="How far back">
        {SPANS.map((each) => (
          <button type="button" key={each.label} aria-pressed={each === span} onClick={() => setSpan(each)}>
            {each.label}
          </button>
        ))}
      </div>
      {view && view.t.length === 0 && <p className="dim small">Nothing was read in that time.</p>}
      {view && isText && historyWords(view).map((line) => <p className="m small" key={line}>{line}</p>)}
      {view && !isText && view.t.length > 0 && <Chart view={view} span={span} title={title} />}
    </div>
  );
}

function Chart({ view, span, title }: { view: HistoryView; span: Span; title: string }) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  useEffect(() => {
    const { current } = element;
    if (!current) return undefined;
    const made = new Plot(current, current.clientWidth, HEIGHT);
    plot.current = made;
    const theme = new MutationObserver(() => made.repaint());
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      theme.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.draw(historyDrawing(view, span)), [view, span]);
  return <div className="plot" ref={element} role="img" aria-label={`${title} of the last ${span.label}, ${view.t.length} values`} style={{ height: HEIGHT }} />;
}

function usePast(device: string, parameter: string, span: Span): HistoryView | null {
  const [view, setView] = useState<HistoryView | null>(null);
  useEffect(() => {
    let ended = false;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      const found = document.hidden ? null : await pastOf(device, parameter, span.seconds);
      if (ended) return;
      if (found) setView(found);
      timer = setTimeout(() => void ask(), EVERY_MS);
    };
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [device, parameter, span]);
  return view;
}
