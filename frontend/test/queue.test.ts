import { describe, expect, it } from "vitest";
import { asPriority, details, EMPTY_QUEUE, standing, stepTo } from "../src/model/queue";
import { applyEvents, fromSnapshot } from "../src/model/graph";
import type { QueueEntryView } from "../src/model/wire.gen";
import { snapshot } from "./samples";

function entry(id: number, more: Partial<QueueEntryView> = {}): QueueEntryView {
  return {
    id, name: "IV", nodespace: "Diode", state: "queued", place: id, priority: 0, on_failure: "stop", by: "Ada", at: 0, run: "", number: 0,
    reason: "", began: null, ended: null, approved_by: "", approved_at: null, evidence: "", sets: [], sample: "", project: "", notes: "", ...more,
  };
}

describe("the queue", () => {
  it("says in a sentence whether it goes by itself, and what holds it", () => {
    expect(standing(EMPTY_QUEUE)).toBe("Not armed.");
    expect(standing({ ...EMPTY_QUEUE, why: "Disarmed by Bob." })).toBe("Not armed. Disarmed by Bob.");
    expect(standing({ ...EMPTY_QUEUE, armed: true, armed_by: "Ada" })).toBe("Armed by Ada.");
    expect(standing({ ...EMPTY_QUEUE, armed: true, armed_by: "Ada", hold: "Live is on." })).toBe("Held: Live is on.");
  });

  it("lets an entry step past those of its own priority only", () => {
    const entries = [entry(1, { priority: 5 }), entry(2), entry(3), entry(4, { state: "done", place: 0 })];
    const step = (id: number, by: 1 | -1) => stepTo(entries, entries[id - 1] as QueueEntryView, by);
    expect([step(1, -1), step(1, 1), step(2, -1), step(2, 1), step(3, -1), step(3, 1), step(4, 1)]).toEqual([null, null, null, 3, 2, null, null]);
  });

  it("takes whole numbers from -100 to 100 as priorities", () => {
    expect(["7", " -3 ", "−4", "100", "101", "1.5", "", "x"].map(asPriority)).toEqual([7, -3, -4, 100, null, null, null, null]);
  });

  it("tells what was said of an entry, and who approved it", () => {
    const more = { sample: "D1", sets: ["sweep.points=3"], approved_by: "Bob", evidence: "3 points in 1.00 s, 9 writes" };
    expect(details(entry(1, more))).toBe("D1 · sweep.points=3 · approved by Bob · dry run: 3 points in 1.00 s, 9 writes");
  });

  it("is replaced whole by an event", () => {
    const queue = { ...EMPTY_QUEUE, entries: [entry(1)] };
    expect(applyEvents(fromSnapshot(snapshot()), [{ type: "queue", queue }]).queue).toBe(queue);
  });
});
