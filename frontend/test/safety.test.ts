import { describe, expect, it } from "vitest";
import { applyEvents, fromSnapshot } from "../src/model/graph";
import { activeAlarms, alarmMark, asked, heldBy, interlockMark, interlockWords, isResettable, mustShow, ordered, planKey, planLine, stopCause, trippedFirst, within } from "../src/model/safety";
import type { AlarmView, InterlockView, LatchView, PlanStepView, SafetyView, WatchView } from "../src/model/wire.gen";
import { snapshot } from "./samples";

const alarm = (name: string, more: Partial<AlarmView> = {}): AlarmView => ({
  name, source: "tc.a.kelvin", device: "tc", value: 325, unit: "K", read_t: 1, severity: "NO_ALARM", status: "NO_ALARM", message: "",
  unacknowledged: "NO_ALARM", t: 1, enabled: true, shelved_until: null, ...more,
});
const interlock = (more: Partial<InterlockView> = {}): InterlockView => ({
  name: "hot", when: "tc.a.kelvin > 320 K", then: "estop", devices: ["smu", "tc"], writes: [], tripped: false, holds: false, latching: true, why: "tc.a.kelvin is 300 K", t: null, ...more,
});
const step = (device: string, more: Partial<PlanStepView> = {}): PlanStepView => ({
  device, action: "estop", words: "output off", within_s: 0.1, order: 1, note: "", ...more,
});
const plan = (steps: PlanStepView[], more: Partial<SafetyView> = {}): SafetyView => ({
  causes: [{ cause: "on_estop", title: "On E-STOP", steps }], interlocks: [], waits: [], unreachable: [], warnings: [], asks: ["smu"], ...more,
});
const latch = (by: string, cause: string): LatchView => ({ latched: true, by, cause, t: 1, acks: [] });

describe("alarms", () => {
  it("come gravest first, then newest, and only those that anybody has to see to", () => {
    const alarms = [
      alarm("fine"), alarm("over", { unacknowledged: "MAJOR" }), alarm("old", { severity: "MINOR", t: 1 }), alarm("new", { severity: "MINOR", t: 2 }),
      alarm("grave", { severity: "MAJOR" }), alarm("off", { severity: "MAJOR", enabled: false }),
    ];
    expect(activeAlarms({ alarms, interlocks: [] }).map((each) => each.name)).toEqual(["grave", "new", "old", "over"]);
  });

  it("have a word and an icon for every severity, never a colour alone", () => {
    const marks = (["MINOR", "MAJOR", "INVALID", "NO_ALARM"] as const).map((severity) => alarmMark(alarm("a", { severity })));
    expect(new Set(marks.map((mark) => mark.word)).size).toBe(4);
    expect(marks.every((mark) => mark.icon !== "")).toBe(true);
    expect(alarmMark(alarm("a", { unacknowledged: "MAJOR" })).word).toBe("Was major");
    expect(alarmMark(alarm("a", { severity: "MAJOR", enabled: false })).word).toBe("Disabled");
  });
});

describe("interlocks", () => {
  it("say in words what they do, to whom, and when", () => {
    expect(interlockWords(interlock())).toBe("E-STOP of smu, tc when tc.a.kelvin > 320 K");
    expect(interlockWords(interlock({ then: "refuse", devices: ["smu"] }))).toBe("Refuses writes to smu when tc.a.kelvin > 320 K");
    expect(interlockWords(interlock({ then: "refuse", writes: ["smu.output"], when: 'plc.door == "open"' }))).toBe("Refuses writes to smu.output when plc.door == open");
    expect(trippedFirst([interlock(), interlock({ name: "door", tripped: true })]).map((each) => each.name)).toEqual(["door", "hot"]);
    expect(interlockMark(interlock()).word).toBe("Clear");
    expect(interlockMark(interlock({ tripped: true })).word).toBe("Tripped");
    expect(interlockMark(interlock({ tripped: true, then: "refuse" })).word).toBe("Refuses");
  });

  it("are reset here only where they latch and refuse", () => {
    expect(isResettable(interlock({ tripped: true, then: "refuse" }))).toBe(true);
    expect(isResettable(interlock({ tripped: true, then: "refuse", latching: false }))).toBe(false);
    expect(isResettable(interlock({ tripped: true }))).toBe(false);
  });

  it("explain an E-STOP that nobody pressed, and why it cannot be reset yet", () => {
    expect(stopCause(latch("interlock 'over temperature'", "tc.a.kelvin is 325 K"))).toEqual({ who: "Interlock over temperature tripped", why: "tc.a.kelvin is 325 K" });
    expect(stopCause(latch("the dead-man", "Ada has been away for 60 s."))?.why).toBe("Ada has been away for 60 s");
    expect(stopCause(latch("Ada", "E-STOP"))).toBeNull();
    const watch = (more: Partial<InterlockView>): WatchView => ({ alarms: [], interlocks: [interlock(more)] });
    expect(heldBy(watch({ tripped: true, holds: true, why: "tc.a.kelvin is 325 K" }))).toBe("Interlock hot still holds, so it cannot be reset yet.");
    expect(heldBy(watch({ tripped: true }))).toBe("");
    expect(heldBy(watch({ then: "refuse", tripped: true, holds: true }))).toBe("");
  });
});

describe("the plan", () => {
  it("is one line for E-STOP: each device, what happens, the worst case, what is out of reach", () => {
    const steps = [step("smu"), step("tc", { words: "heaters off", within_s: null, note: "it cannot be reached now" }), step("magnet", { action: "hold", words: "is left as it is", within_s: null })];
    expect(planLine(plan(steps))).toBe("smu output off in ≤ 0.1 s, tc heaters off (it cannot be reached now), magnet is left as it is");
    expect(planLine(plan([]))).toBe("");
    expect(within(step("smu", { within_s: 7 }))).toBe("in ≤ 7 s");
  });

  it("keeps the order of the bench", () => {
    expect(ordered([step("b", { order: 2 }), step("a"), step("c", { order: 2 })]).map((each) => each.device)).toEqual(["a", "b", "c"]);
  });

  it("is shown before a real bench is armed, once, and again where it has changed", () => {
    const warnings = [{ name: "tc", text: "tc has no protection.", asks: true }, { name: "sim", text: "Only simulated.", asks: false }];
    const safety = plan([step("smu")], { warnings });
    expect(asked(safety)).toEqual(["tc has no protection."]);
    expect(mustShow(safety, "")).toBe(true);
    expect(mustShow(safety, planKey(safety))).toBe(false);
    expect(mustShow(plan([step("smu", { action: "hold", words: "is left as it is" })], { warnings }), planKey(safety))).toBe(true);
    expect(mustShow(plan([step("smu", { note: "it cannot be reached now" })], { warnings }), planKey(safety))).toBe(true);
  });

  it("never stands in the way of a simulated bench", () => {
    expect(mustShow(plan([step("smu")], { asks: [] }), "")).toBe(false);
  });
});

it("takes alarms, interlocks and the plan from events", () => {
  const before = fromSnapshot(snapshot());
  const watch = { alarms: [alarm("hot", { severity: "MAJOR" })], interlocks: [] };
  const after = applyEvents(before, [{ type: "watch", watch }, { type: "safety", safety: plan([step("smu")]) }]);
  expect(after.watch.alarms[0]?.severity).toBe("MAJOR");
  expect(after.safety.asks).toEqual(["smu"]);
  expect(before.watch.alarms).toEqual([]);
});
