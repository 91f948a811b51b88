import { type RefObject, useEffect, useRef } from "react";

const TICK_MS = 600;
const TICKS = 4;
const moving = new Set<Element>();
const still = matchMedia("(prefers-reduced-motion: reduce)");
let timer: ReturnType<typeof setInterval> | null = null;
let tick = 0;

/** An element that moves by itself while `on`: its `data-tick` goes 0, 1, 2, 3, and the style says
 *  what that looks like.
 *
 *  All step together, fewer than two times a second. A CSS animation would ask for sixty frames a
 *  second, and without a graphics card each of them is drawn by the processor the run needs.
 */
export function useTick<T extends Element>(on: boolean): RefObject<T | null> {
  const element = useRef<T>(null);
  useEffect(() => {
    const { current } = element;
    if (!on || !current) return undefined;
    moving.add(current);
    timer ??= setInterval(step, TICK_MS);
    return () => {
      moving.delete(current);
      current.removeAttribute("data-tick");
      if (moving.size > 0 || timer === null) return;
      clearInterval(timer);
      timer = null;
    };
  }, [on]);
  return element;
}

function step(): void {
  if (still.matches || document.hidden) return;
  tick = (tick + 1) % TICKS;
  for (const element of moving) element.setAttribute("data-tick", String(tick));
}
