/** What the rest of the page may ask of the canvas, once it is there. */

import type { SectionBox } from "../../model/frames";

/** What a library entry is dragged as. */
export const DRAG_TYPE = "application/x-funcnodes-node";

export interface CanvasApi {
  /** Room for a new card near the middle of what is visible. */
  room(): { x: number; y: number };
  /** The section of a frame at a point of the canvas. */
  heldAt(point: { x: number; y: number }): SectionBox | null;
  toCanvas(point: { x: number; y: number }): { x: number; y: number };
  /** The middle of what is visible, in the window. */
  window(): { x: number; y: number };
  fit(): void;
  /** Bring a card into the middle and give the canvas the focus, once it is open. */
  show(id: string): void;
  /** Lay out what is selected, all where it is not several. */
  tidy(): void;
  /** Move what is selected. */
  nudge(dx: number, dy: number): void;
  focus(): void;
  selectedEdges(): string[];
}

let current: CanvasApi | null = null;

export function offer(api: CanvasApi | null): void {
  current = api;
}

export function canvas(): CanvasApi | null {
  return current;
}
