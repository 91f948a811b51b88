import { simBadge } from "../../model/graph";
import { compactMark } from "../../model/words";
import { useEditor } from "../../store/editor";
import { Lamp, Sim } from "../parts/Lamp";

/** The lamps in one line, first of all where there is room for one panel only. */
export function BenchLine() {
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  const all = Object.values(devices);
  const badge = simBadge(devices);
  if (!all.length) return null;
  return (
    <section className="benchline" aria-label="Lamps of the bench" tabIndex={0}>
      {badge && <Sim text={badge} />}
      {all.map((device) => {
        const mark = compactMark(device);
        return (
          <span className="one" key={device.name} title={device.message || device.address}>
            <Lamp mark={mark} />
            {device.name}
            <span className={`st ${mark.tone}`} aria-hidden="true">{mark.word}</span>
          </span>
        );
      })}
    </section>
  );
}
