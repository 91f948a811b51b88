import { useCallback, useEffect, useState } from "react";
import { NO_TRAFFIC, type Traffic, withPage } from "../../model/traffic";
import { trafficSince } from "../../store/questions";

const EVERY_MS = 300;
let kept: { worker: string; traffic: Traffic } = { worker: "", traffic: NO_TRAFFIC };

/** The traffic of a worker, followed while it is looked at; `clear` begins anew from now. */
export function useTraffic(worker: string, hold: boolean): { traffic: Traffic; clear: () => void } {
  const [traffic, show] = useState<Traffic>(() => (kept.worker === worker ? kept.traffic : NO_TRAFFIC));
  const keep = useCallback(
    (next: Traffic) => {
      kept = { worker, traffic: next };
      show(next);
    },
    [worker],
  );
  useEffect(() => {
    if (kept.worker !== worker) keep(NO_TRAFFIC);
    if (hold) return;
    let ended = false;
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      const before = kept.traffic;
      const page = document.hidden ? null : await trafficSince(before.counts);
      if (ended) return;
      // Whoever cleared the view meanwhile gets the next page.
      if (page && kept.traffic === before) keep(withPage(before, page));
      timer = setTimeout(() => void ask(), EVERY_MS);
    };
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [worker, hold, keep]);
  const clear = () => keep({ ...NO_TRAFFIC, counts: kept.traffic.counts });
  return { traffic, clear };
}
