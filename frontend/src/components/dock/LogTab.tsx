import { useEffect, useRef, useState } from "react";
import { clockTime } from "../../model/format";
import type { LogLine } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";
import { Said } from "../parts/Said";

const LEVELS: Array<[LogLine["level"], string]> = [["debug", "All"], ["info", "Info"], ["warning", "Warnings"], ["error", "Errors"]];
const NONE: LogLine[] = [];
const SHOWN = 400;

export function LogTab() {
  const log = useEditor((state) => state.graph?.log) ?? NONE;
  const [level, setLevel] = useState<LogLine["level"]>("info");
  const [words, setWords] = useState("");
  const [safetyOnly, setSafetyOnly] = useState(false);
  const rank = (each: LogLine["level"]) => LEVELS.findIndex(([key]) => key === each);
  const wanted = words.trim().toLowerCase();
  const lines = log.filter((line) => (line.safety || !safetyOnly) && rank(line.level) >= rank(level) && `${line.source} ${line.text}`.toLowerCase().includes(wanted)).slice(-SHOWN);
  const end = useRef<HTMLDivElement>(null);
  const last = lines.at(-1);
  useEffect(() => {
    const box = end.current;
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 80) box.scrollTop = box.scrollHeight;
  }, [last]);
  return (
    <>
      <div className="dockbar">
        <label className="field">
          <Icon name="filter" />
          <input placeholder="Filter, e.g. smu" aria-label="Filter the log" value={words} onChange={(event) => setWords(event.target.value)} />
        </label>
        <span className="seg sm" role="radiogroup" aria-label="Level">
          {LEVELS.map(([key, label]) => (
            <button key={key} type="button" role="radio" aria-checked={level === key} onClick={() => setLevel(key)}>
              {label}
            </button>
          ))}
        </span>
        <button type="button" className="btn sm ghost" aria-pressed={safetyOnly} title="Stops, resets, interlocks, parking, and what was refused or made safe" onClick={() => setSafetyOnly(!safetyOnly)}>
          Safety only
        </button>
        <span className="grow" />
        <span className="dim small">{lines.length} {lines.length === 1 ? "line" : "lines"}</span>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Log lines" ref={end}>
        <table className="data log">
          <thead>
            <tr>
              <th>Time</th>
              <th>Level</th>
              <th>Source</th>
              <th>What happened</th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line, i) => (
              <tr key={`${line.t} ${i}`} className={line.level === "error" ? "bad" : ""}>
                <td className="m">{clockTime(line.t, true)}</td>
                <td>{line.level}</td>
                <td>{line.source}</td>
                <td className="text">
                  <Said text={line.text} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {lines.length === 0 && <p className="none">Nothing logged{wanted || safetyOnly || level !== "debug" ? " that fits the filter" : " yet"}.</p>}
      </div>
    </>
  );
}
