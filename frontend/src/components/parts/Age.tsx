import { useEffect, useRef } from "react";
import { age } from "../../model/format";
import { now, onBeat } from "../../store/clock";

/** How old something is, written five times a second past React. */
export function Age({ t }: { t: number }) {
  const span = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const write = (at: number) => {
      const text = age(at - t);
      if (span.current && span.current.textContent !== text) span.current.textContent = text;
    };
    write(now());
    return onBeat(write);
  }, [t]);
  return <span className="age" ref={span} />;
}
