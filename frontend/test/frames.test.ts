import { describe, expect, it } from "vitest";
import { type Card, family, frameBoxes, holds, placeOn, sectionAt, slots } from "../src/model/frames";
import type { Section } from "../src/model/wire.gen";

const card = (id: string, x: number, y: number, frame = "", section: Section = "body", isFrame = false): Card => ({
  id, x, y, width: 100, height: 50, frame, section, isFrame,
});
const frame = (id: string, x: number, y: number, held = "", section: Section = "body") => card(id, x, y, held, section, true);

describe("frames", () => {
  it("are drawn around their card and what they hold, a box per section", () => {
    const cards = [frame("f", 0, 0), card("a", 0, 100, "f", "enter"), card("b", 200, 100, "f"), card("c", 400, 100, "f"), card("d", 900, 900)];
    const [box, ...others] = frameBoxes(cards);
    expect(others).toEqual([]);
    expect(box?.sections.map((each) => each.section)).toEqual(["enter", "body"]);
    for (const one of cards.slice(0, 4)) expect(holds(box!.rect, one)).toBe(true);
    expect(holds(box!.rect, { x: 900, y: 900 })).toBe(false);
    const body = box!.sections[1]!.rect;
    expect([body.x, body.x + body.width]).toEqual([188, 512]);
    expect(body.y).toBeLessThan(100 - 20);
  });

  it("have no box while they hold nothing, nor where what holds a node is elsewhere", () => {
    expect(frameBoxes([frame("f", 0, 0), card("a", 0, 100, "gone")])).toEqual([]);
    expect(frameBoxes([])).toEqual([]);
  });

  it("nest: the outer box holds the inner one and comes first", () => {
    const boxes = frameBoxes([frame("in", 0, 200, "out"), card("a", 0, 300, "in"), frame("out", 0, 0)]);
    expect(boxes.map((box) => box.id)).toEqual(["out", "in"]);
    const [outer, inner] = [boxes[0]!.sections[0]!.rect, boxes[1]!.rect];
    expect(outer.x).toBeLessThan(inner.x);
    expect(outer.y + outer.height).toBeGreaterThan(inner.y + inner.height);
  });

  it("that hold each other are left out rather than followed for ever", () => {
    expect(frameBoxes([frame("a", 0, 0, "b"), frame("b", 0, 100, "a")])).toEqual([]);
    expect(family([frame("a", 0, 0, "b"), frame("b", 0, 100, "a")], "a")).toEqual(["b"]);
  });

  it("take along what is in them", () => {
    const cards = [frame("f", 0, 0), frame("g", 0, 0, "f"), card("a", 0, 0, "g", "finally"), card("b", 0, 0)];
    expect(family(cards, "f").sort()).toEqual(["a", "g"]);
    expect(family(cards, "b")).toEqual([]);
  });
});

describe("what is let go", () => {
  const cards = [frame("f", 0, 0), card("b", 0, 100, "f"), frame("g", 600, 0)];
  const boxes = frameBoxes(cards);
  const free = slots(cards, boxes);

  it("is held by the section under the hand", () => {
    expect(sectionAt(boxes, free, { x: 50, y: 120 })).toMatchObject({ frame: "f", section: "body" });
    expect(sectionAt(boxes, free, { x: 400, y: 400 })).toBeNull();
    expect(sectionAt(boxes, free, { x: 5, y: 5 })).toBeNull();
  });

  it("finds a slot for every section that is not drawn", () => {
    expect(free.map((slot) => `${slot.frame} ${slot.section}`)).toEqual(["f enter", "f finally", "g enter", "g body", "g finally"]);
    const slot = free[3]!;
    expect(sectionAt(boxes, free, { x: slot.rect.x + 1, y: slot.rect.y + 1 })).toBe(slot);
    for (const each of free) expect(boxes.some((box) => holds(box.rect, each.rect))).toBe(false);
    expect(placeOn(slot).y).toBeGreaterThan(slot.rect.y);
  });

  it("goes to the innermost of nested sections", () => {
    const nested = [frame("out", 0, 0), frame("in", 0, 200, "out"), card("a", 0, 300, "in", "enter")];
    expect(sectionAt(frameBoxes(nested), [], { x: 10, y: 310 })).toMatchObject({ frame: "in", section: "enter" });
    expect(sectionAt(frameBoxes(nested), [], { x: 10, y: 210 })).toMatchObject({ frame: "out", section: "body" });
  });
});
