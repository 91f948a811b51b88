import { activeAlarms, alarmMark, interlockMark, isShelved } from "../../model/safety";
import type { WatchView } from "../../model/wire.gen";
import type { Mark } from "../../model/words";
import { set, useEditor } from "../../store/editor";
import { Lamp } from "../parts/Lamp";

const SHOWN = 3;
const NOTHING: WatchView = { alarms: [], interlocks: [] };

/** Alarms and tripped interlocks in short, beside the lamps, whichever tab is open. */
export function WatchStrip() {
  const watch = useEditor((state) => state.graph?.watch) ?? NOTHING;
  if (!watch.alarms.length && !watch.interlocks.length) return null;
  const lines = [
    ...watch.interlocks.filter((each) => each.tripped).map((each) => ({ name: each.name, mark: interlockMark(each), title: each.why })),
    ...activeAlarms(watch).filter((each) => !isShelved(each)).map((each) => ({ name: each.name, mark: alarmMark(each), title: each.message })),
  ];
  const more = lines.length - SHOWN;
  return (
    <div className="watchstrip" role="status" aria-label="Alarms and interlocks" data-testid="watch-strip">
      {lines.slice(0, SHOWN).map((line) => (
        <Line key={line.name} {...line} />
      ))}
      {more > 0 && (
        <button type="button" className="watchline more" onClick={showBench}>
          {more} more
        </button>
      )}
      {lines.length === 0 && <Clear watch={watch} />}
    </div>
  );
}

function Line({ name, mark, title }: { name: string; mark: Mark; title: string }) {
  return (
    <button type="button" className="devline watchline" data-testid="watch-line" title={title} onClick={showBench}>
      <Lamp mark={mark} />
      <span className="tt">{name}</span>
      <span className={`st ${mark.tone}`} aria-hidden="true">{mark.word}</span>
    </button>
  );
}

function Clear({ watch }: { watch: WatchView }) {
  const shelved = watch.alarms.filter(isShelved).length;
  return (
    <p className="devline watchline clear">
      <Lamp mark={{ word: "Clear", icon: "check", tone: "idle" }} />
      <span className="tt">{[counted(watch.alarms.length, "alarm"), counted(watch.interlocks.length, "interlock")].filter(Boolean).join(", ")}</span>
      <span className="st">{shelved ? `${shelved} shelved` : "all clear"}</span>
    </p>
  );
}

function counted(count: number, word: string): string {
  return count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`;
}

function showBench(): void {
  set({ leftTab: "bench" });
}
