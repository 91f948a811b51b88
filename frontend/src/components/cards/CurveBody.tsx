import { useEffect, useRef } from "react";
import { figureDrawing } from "../../model/curve";
import type { Figure } from "../../model/wire.gen";
import { Plot } from "./Plot";

const WIDTH = 366;
const HEIGHT = 206;

/** The curves of an array plot. */
export function CurveBody({ figure, label }: { figure: Figure; label: string }) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  useEffect(() => {
    if (!element.current) return undefined;
    const made = new Plot(element.current, WIDTH, HEIGHT);
    plot.current = made;
    const theme = new MutationObserver(() => made.repaint());
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      theme.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.draw(figureDrawing(figure)), [figure]);
  const points = figure.curves.reduce((most, curve) => Math.max(most, curve.y.length), 0);
  return (
    <>
      {figure.title && <p className="bodytitle">{figure.title}</p>}
      <div className="plot" ref={element} role="img" aria-label={`${label} ${figure.curves.length} curves of up to ${points} points`} data-points={points} style={{ width: WIDTH, height: HEIGHT }} />
    </>
  );
}
