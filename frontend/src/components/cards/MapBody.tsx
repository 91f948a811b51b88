import { useEffect, useState } from "react";
import { isRunning } from "../../model/graph";
import type { MapView, NodeView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { mapOf } from "../../store/questions";
import { onRows } from "../../store/streams";
import { HeatMap } from "./HeatMap";

const EVERY_MS = 500;
/** A long run takes the worker a while: for so many times that long it is left alone. */
const RESTS = 4;

/** The map on a heat map's card, of the run that is on show, as it grows. */
export function MapBody({ node }: { node: NodeView }) {
  const run = useEditor((state) => state.graph?.run ?? null);
  const live = useEditor((state) => state.connected) && isRunning(run);
  const spec = node.plot;
  const [y = "", z = ""] = spec?.y ?? [];
  const map = useMap(spec?.recorder ? (run?.id ?? "") : "", spec?.recorder ?? "", spec?.x ?? "", y, z, run?.rows ?? 0);
  return (
    <div className="body shown" data-testid="body" data-kind="map">
      {map ? (
        <>
          <div className="legend">
            <span>
              run {run?.number}
              {live ? ", live" : ""}
            </span>
          </div>
          <HeatMap map={map} width={366} height={262} />
        </>
      ) : (
        <p className="bodyless">{spec?.recorder ? "No points yet. Press Run." : "No rows here. Wire a recorder to it."}</p>
      )}
    </div>
  );
}

/** A map, asked for anew when rows have come: twice a second at most, less often where it takes long. */
export function useMap(run: string, recorder: string, x: string, y: string, z: string, rows: number): MapView | null {
  const [map, setMap] = useState<MapView | null>(null);
  useEffect(() => {
    if (!run) {
      setMap(null);
      return undefined;
    }
    let [timer, asking, again, gone]: [ReturnType<typeof setTimeout> | null, boolean, boolean, boolean] = [null, false, false, false];
    let took = 0;
    const ask = async () => {
      asking = true;
      const began = performance.now();
      const found = await mapOf(run, recorder, x, y, z);
      asking = false;
      took = performance.now() - began;
      if (gone) return;
      setMap(found?.rows ? found : null);
      if (again) later();
    };
    const later = () => {
      again = asking;
      if (asking || timer !== null) return;
      timer = setTimeout(() => {
        timer = null;
        void ask();
      }, Math.max(EVERY_MS, RESTS * took));
    };
    void ask();
    const stop = onRows((changed) => changed === run && later());
    return () => {
      gone = true;
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [run, recorder, x, y, z, rows === 0]);
  return map;
}
