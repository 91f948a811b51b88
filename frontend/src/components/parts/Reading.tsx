import { useEffect, useRef } from "react";
import { isLate } from "../../model/applied";
import { age } from "../../model/format";
import { now, onBeat } from "../../store/clock";

interface ReadingProps {
  text: string;
  t: number | null;
  /** It speaks of no present state, whatever its age. */
  stale: boolean;
  /** Why, in two words, such as "output off". */
  note: string;
  period: number | null;
}

/** A value that was read, with its age; marked where it is of no present state, or late. */
export function Reading({ text, t, stale, note, period }: ReadingProps) {
  const whole = useRef<HTMLSpanElement>(null);
  const old = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const write = (at: number) => {
      const words = note || (t === null ? "" : age(at - t));
      const marked = String(stale || note !== "" || isLate(t, period, at));
      if (old.current && old.current.textContent !== words) old.current.textContent = words;
      if (whole.current && whole.current.dataset.stale !== marked) whole.current.dataset.stale = marked;
    };
    write(now());
    return onBeat(write);
  }, [t, stale, note, period]);
  return (
    <span className="reading" ref={whole}>
      <span className="val">{text}</span>
      <span className="age" ref={old} />
    </span>
  );
}
