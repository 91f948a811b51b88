import { useEffect, useId, useMemo, useRef, useState } from "react";
import { cellWords, mapDrawing, mapWords, placeWords } from "../../model/map";
import type { MapView } from "../../model/wire.gen";
import { type Cursor, HeatCanvas } from "./HeatCanvas";

/** A map with two cuts through a cursor, which follows the pointer, or two sliders. */
export function HeatMap({ map, width, height }: { map: MapView; width: number; height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const heat = useRef<HeatCanvas | null>(null);
  const drawing = useMemo(() => mapDrawing(map), [map]);
  const [asked, setAsked] = useState<Cursor | null>(null);
  const [across, up] = [map.x.values.length, map.y.values.length];
  const cursor: Cursor = { column: Math.min(asked?.column ?? Math.floor(across / 2), Math.max(across - 1, 0)), row: Math.min(asked?.row ?? Math.floor(up / 2), Math.max(up - 1, 0)) };
  const id = useId();

  useEffect(() => {
    if (!canvas.current) return undefined;
    const made = new HeatCanvas(canvas.current, width, height);
    heat.current = made;
    return () => {
      heat.current = null;
    };
  }, [width, height]);
  useEffect(() => {
    const draw = () => heat.current?.draw(drawing, cursor);
    draw();
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => theme.disconnect();
  }, [drawing, cursor.column, cursor.row, width, height]);

  const follow = (event: React.PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const found = heat.current?.cellAt(drawing, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, height);
    if (found) setAsked(found);
  };
  const empty = map.bad[""]?.length ?? 0;
  const doubtful = drawing.bad.size - empty;
  return (
    <div className="heat" data-testid="heat-map" data-rows={map.rows} data-cells={across * up} data-bad={doubtful} data-empty={empty}>
      <canvas ref={canvas} role="img" aria-label={mapWords(drawing)} style={{ width, height }} onPointerMove={follow} onPointerDown={follow} />
      {across * up > 0 && (
        <>
          <div className="cuts">
            <label htmlFor={`${id}-x`}>{map.x.column.name}</label>
            <input id={`${id}-x`} className="nodrag" type="range" min={0} max={across - 1} value={cursor.column} aria-valuetext={placeWords(map.x, cursor.column)} onChange={(event) => setAsked({ ...cursor, column: Number(event.target.value) })} />
            <label htmlFor={`${id}-y`}>{map.y.column.name}</label>
            <input id={`${id}-y`} className="nodrag" type="range" min={0} max={up - 1} value={cursor.row} aria-valuetext={placeWords(map.y, cursor.row)} onChange={(event) => setAsked({ ...cursor, row: Number(event.target.value) })} />
          </div>
          <p className="here">
            <output htmlFor={`${id}-x ${id}-y`} data-testid="heat-here">
              {placeWords(map.x, cursor.column)}, {placeWords(map.y, cursor.row)}: {cellWords(drawing, cursor.column, cursor.row)}
            </output>
          </p>
          {(empty > 0 || doubtful > 0 || map.thinned) && (
            <p className="marks">
              {empty > 0 && <span><i className="hatch" aria-hidden="true" />{empty} without a point</span>}
              {doubtful > 0 && <span><b aria-hidden="true">×</b>{doubtful} not ok</span>}
              {map.thinned && <span title="A cell shows the value that is farthest from the mean">cells of several points</span>}
            </p>
          )}
        </>
      )}
    </div>
  );
}
