/** Alarms, interlocks and the safety plan in words and marks; and what is to be asked before arming.
 *
 *  Colour says stop or fault only, so that a minor alarm is told by its icon and its word.
 */

import { duration } from "./format";
import type { AlarmSeverity, AlarmView, InterlockView, LatchView, PlanStepView, SafetyView, WatchView } from "./wire.gen";
import type { Mark } from "./words";

const RANK: Record<AlarmSeverity, number> = { NO_ALARM: 0, MINOR: 1, MAJOR: 2, INVALID: 3 };
const SEVERITY: Record<AlarmSeverity, Mark> = {
  NO_ALARM: { word: "No alarm", icon: "check", tone: "idle" },
  MINOR: { word: "Minor", icon: "alert", tone: "minor" },
  MAJOR: { word: "Major", icon: "alert", tone: "fault" },
  INVALID: { word: "Invalid", icon: "help", tone: "fault" },
};

// ── alarms ────────────────────────────────────────────────────────────────────────────────

/** Whether there is anything to be seen to: it is on, or over and not acknowledged. */
export function isActive(alarm: AlarmView): boolean {
  return alarm.enabled && (alarm.severity !== "NO_ALARM" || alarm.unacknowledged !== "NO_ALARM");
}

export function isShelved(alarm: AlarmView): boolean {
  return alarm.shelved_until !== null;
}

export function alarmMark(alarm: AlarmView): Mark {
  if (!alarm.enabled) return { word: "Disabled", icon: "eyeoff", tone: "offline" };
  if (alarm.severity !== "NO_ALARM") return SEVERITY[alarm.severity];
  if (alarm.unacknowledged === "NO_ALARM") return SEVERITY.NO_ALARM;
  return { word: `Was ${SEVERITY[alarm.unacknowledged].word.toLowerCase()}`, icon: "clock", tone: "offline" };
}

/** What is to be seen to, gravest first; of equal gravity the newest. */
export function activeAlarms(watch: WatchView): AlarmView[] {
  return watch.alarms.filter(isActive).sort((a, b) => gravity(b) - gravity(a) || (b.t ?? 0) - (a.t ?? 0));
}

function gravity(alarm: AlarmView): number {
  return RANK[alarm.severity] * 10 + RANK[alarm.unacknowledged];
}

// ── interlocks ────────────────────────────────────────────────────────────────────────────

export function interlockMark(interlock: InterlockView): Mark {
  if (!interlock.tripped) return { word: "Clear", icon: "check", tone: "idle" };
  const word = interlock.then === "refuse" ? "Refuses" : "Tripped";
  return { word, icon: "lock", tone: "fault" };
}

/** "E-STOP of smu when tc.a.kelvin > 320 K for 2 s". */
export function interlockWords({ then, devices, writes, when }: InterlockView): string {
  const what = { estop: "E-STOP of", park: "Parks", hold: "Holds", refuse: "Refuses writes to" }[then];
  return `${what} ${(writes.length ? writes : devices).join(", ")} when ${when.replace(/["']/g, "")}`;
}

/** As in the file, but those that have tripped come first. */
export function trippedFirst(interlocks: readonly InterlockView[]): InterlockView[] {
  return [...interlocks].sort((a, b) => Number(b.tripped) - Number(a.tripped));
}

/** Whether the page may offer to reset it; those that stopped devices go with the E-STOP. */
export function isResettable(interlock: InterlockView): boolean {
  return interlock.tripped && interlock.latching && interlock.then === "refuse";
}

/** Why the E-STOP cannot be reset yet, or "". */
export function heldBy(watch: WatchView): string {
  const holding = watch.interlocks.find((each) => each.then !== "refuse" && each.tripped && each.holds);
  return holding ? `Interlock ${holding.name} still holds, so it cannot be reset yet.` : "";
}

/** What made the bench stop, where no person pressed: "Interlock hot tripped", and the cause. */
export function stopCause(latch: LatchView): { who: string; why: string } | null {
  const interlock = /^interlock '(.*)'$/.exec(latch.by);
  const why = latch.cause.replace(/\.$/, "");
  if (interlock) return { who: `Interlock ${interlock[1]} tripped`, why };
  return latch.by === "the dead-man" ? { who: "The dead-man stopped the bench", why } : null;
}

// ── the plan ──────────────────────────────────────────────────────────────────────────────

/** In one line: "smu output off in ≤ 0.1 s, tc is left as it is". */
export function planLine(safety: SafetyView): string {
  const steps = safety.causes.find((plan) => plan.cause === "on_estop")?.steps ?? [];
  return steps.map(stepLine).join(", ");
}

function stepLine(step: PlanStepView): string {
  return [step.device, step.words, within(step), step.note && `(${step.note})`].filter(Boolean).join(" ");
}

/** "in ≤ 0.1 s"; "" where nothing is done. */
export function within({ within_s }: PlanStepView): string {
  if (within_s === null) return "";
  return `in ≤ ${within_s < 60 ? `${Number(within_s.toPrecision(2))} s` : duration(within_s)}`;
}

/** Steps of one cause in their order; those that go together share a number. */
export function ordered(steps: readonly PlanStepView[]): PlanStepView[] {
  return [...steps].sort((a, b) => a.order - b.order);
}

/** What a person has seen and accepted, so that only something new is asked about. */
export function planKey(safety: SafetyView): string {
  const steps = safety.causes.map((plan) => plan.steps.map((step) => [step.device, step.action, step.words, step.note]));
  return JSON.stringify([safety.asks, steps, safety.interlocks, asked(safety)]);
}

/** Whether whoever arms the bench has to be shown the plan first. */
export function mustShow(safety: SafetyView, seen: string): boolean {
  return safety.asks.length > 0 && planKey(safety) !== seen;
}

/** Texts of the warnings that are to be accepted (S5). */
export function asked(safety: SafetyView): string[] {
  return safety.warnings.filter((warning) => warning.asks).map((warning) => warning.text);
}
