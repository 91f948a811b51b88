import { useEffect, useRef, useState } from "react";
import type { Column } from "../../model/wire.gen";
import { get, useEditor } from "../../store/editor";
import { HeatMap } from "../cards/HeatMap";
import { useMap } from "../cards/MapBody";
import { Dialog } from "./Dialog";

/** The map of a run from the list of runs, with the columns to choose. */
export function MapDialog({ onClose }: { onClose: () => void }) {
  const id = useEditor((state) => state.mapRun);
  const number = get().runs.find((run) => run.id === id)?.number ?? get().graph?.run?.number ?? "";
  const [{ x, y, z }, choose] = useState({ x: "", y: "", z: "" });
  const map = useMap(id, "", x, y, z, 1);
  /** One column of the three; the others stay as they were chosen, drawn already or not. */
  const change = (chosen: Partial<{ x: string; y: string; z: string }>) =>
    choose((was) => ({ x: was.x || (map?.x.column.name ?? ""), y: was.y || (map?.y.column.name ?? ""), z: was.z || (map?.z.name ?? ""), ...chosen }));
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!place.current) return undefined;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(Math.min(entry.contentRect.width, 720))));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [map === null]);
  return (
    <Dialog title={`Map of run ${number}`} onClose={onClose} wide>
      {map ? (
        <>
          <div className="mapcolumns">
            <Choice label="Across" columns={map.columns} value={x || map.x.column.name} onChoose={(name) => change({ x: name })} />
            <Choice label="Up" columns={map.columns} value={y || map.y.column.name} onChoose={(name) => change({ y: name })} />
            <Choice label="Colour" columns={map.columns} value={z || map.z.name} onChoose={(name) => change({ z: name })} />
          </div>
          <div ref={place}>{width > 0 && <HeatMap map={map} width={width} height={Math.round(Math.max(262, Math.min(width * 0.72, 420)))} />}</div>
        </>
      ) : (
        <p className="dim">A map needs rows with three columns of numbers.</p>
      )}
    </Dialog>
  );
}

function Choice(props: { label: string; columns: Column[]; value: string; onChoose: (name: string) => void }) {
  return (
    <label className="stack">
      {props.label}
      <span className="field">
        <select value={props.value} onChange={(event) => props.onChoose(event.target.value)}>
          {props.columns.map((column) => (
            <option key={column.name}>{column.name}</option>
          ))}
        </select>
      </span>
    </label>
  );
}
