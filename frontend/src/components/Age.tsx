import { useEffect, useRef } from "react";
import { age } from "../model/format";
import { now, onBeat } from "../store/clock";

/** How long ago, written straight into the page five times a second. */
export function Age({ t }: { t: number | null }) {
  const element = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const write = (at: number) => {
      const text = t === null ? "" : age(at - t);
      if (element.current && element.current.textContent !== text) element.current.textContent = text;
    };
    write(now());
    return t === null ? undefined : onBeat(write);
  }, [t]);
  return <span className="age" ref={element} />;
}
