/** Where frames are drawn: boxes around what they hold, in three sections. Knows nothing of how.
 *
 *  A section is as large as its nodes; one that holds none is drawn only while something is in the
 *  hand, as a slot beneath the frame's card.
 */

import type { Rect } from "./place";
import type { Section } from "./wire.gen";

export const SECTIONS: readonly Section[] = ["enter", "body", "finally"];
export const SECTION_WORDS: Record<Section, string> = {
  enter: "once, before the first point",
  body: "once per point",
  finally: "at the end, whatever the end was",
};

/** A card on the canvas, and where it is held. */
export interface Card extends Rect {
  id: string;
  isFrame: boolean;
  frame: string;
  section: Section;
}

export interface SectionBox {
  frame: string;
  section: Section;
  rect: Rect;
}

export interface FrameBox {
  id: string;
  rect: Rect;
  sections: SectionBox[];
}

const PAD = 12;
const TITLE = 24;
const EDGE = 12;
const HEAD = 30;
const SLOT = { width: 104, height: 56, gap: 8, below: 14 };

/** The box of every frame that holds something, outer frames before those in them. */
export function frameBoxes(cards: readonly Card[]): FrameBox[] {
  const members = heldBy(cards);
  const made = new Map<string, FrameBox>();
  const ordered: FrameBox[] = [];
  const boxOf = (frame: Card, path: readonly string[]): FrameBox | undefined => {
    const held = members.get(frame.id);
    if (!held || path.includes(frame.id)) return undefined;
    const known = made.get(frame.id);
    if (known) return known;
    const within = [...path, frame.id];
    const sections = SECTIONS.flatMap((section) => {
      const inside = held.filter((card) => card.section === section);
      const rects = inside.map((card) => (card.isFrame ? boxOf(card, within)?.rect : undefined) ?? card);
      return rects.length ? [{ frame: frame.id, section, rect: padded(around(rects), PAD, TITLE) }] : [];
    });
    const box = { id: frame.id, rect: padded(around([frame, ...sections.map((each) => each.rect)]), EDGE, HEAD), sections };
    made.set(frame.id, box);
    ordered.unshift(box);
    return box;
  };
  const here = new Set(cards.map((card) => card.id));
  for (const card of cards) if (card.isFrame && !here.has(card.frame)) boxOf(card, []);
  return ordered;
}

/** A slot beneath each frame for every section that is not drawn. */
export function slots(cards: readonly Card[], boxes: readonly FrameBox[]): SectionBox[] {
  return cards.filter((card) => card.isFrame).flatMap((frame) => {
    const box = boxes.find((each) => each.id === frame.id);
    const drawn = box?.sections.map((each) => each.section) ?? [];
    const bottom = box ? box.rect.y + box.rect.height : frame.y + frame.height;
    return SECTIONS.filter((section) => !drawn.includes(section)).map((section, i) => ({
      frame: frame.id,
      section,
      rect: { x: frame.x + i * (SLOT.width + SLOT.gap), y: bottom + SLOT.below, width: SLOT.width, height: SLOT.height },
    }));
  });
}

/** Where a card let go on a slot comes to lie: beneath the frame, with room for the section's name. */
export function placeOn(slot: SectionBox): { x: number; y: number } {
  return { x: slot.rect.x + PAD, y: slot.rect.y + TITLE };
}

/** The innermost section at a point; slots come before what is drawn beneath them. */
export function sectionAt(boxes: readonly FrameBox[], free: readonly SectionBox[], point: { x: number; y: number }): SectionBox | null {
  const slot = free.find((each) => holds(each.rect, point));
  if (slot) return slot;
  for (const box of [...boxes].reverse()) {
    const found = box.sections.find((each) => holds(each.rect, point));
    if (found) return found;
  }
  return null;
}

/** What a frame holds, and what is held inside that, without the frame itself. */
export function family(cards: readonly Card[], frame: string): string[] {
  const members = heldBy(cards);
  const found = new Set<string>();
  const waiting = [frame];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const card of members.get(next) ?? []) {
      if (found.has(card.id) || card.id === frame) continue;
      found.add(card.id);
      waiting.push(card.id);
    }
  }
  return [...found];
}

function heldBy(cards: readonly Card[]): Map<string, Card[]> {
  const found = new Map<string, Card[]>();
  for (const card of cards) if (card.frame) found.set(card.frame, [...(found.get(card.frame) ?? []), card]);
  return found;
}

function around(rects: readonly Rect[]): Rect {
  const x = Math.min(...rects.map((rect) => rect.x));
  const y = Math.min(...rects.map((rect) => rect.y));
  const right = Math.max(...rects.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
  return { x, y, width: right - x, height: bottom - y };
}

function padded({ x, y, width, height }: Rect, sides: number, top: number): Rect {
  return { x: x - sides, y: y - top, width: width + 2 * sides, height: height + top + sides };
}

export function holds(rect: Rect, { x, y }: { x: number; y: number }): boolean {
  return x >= rect.x && x <= rect.x + rect.width && y >= rect.y && y <= rect.y + rect.height;
}
