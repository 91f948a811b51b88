/** Verdicts of tests in words and marks, and what was measured beside its limits. */

import { portText, withUnit } from "./format";
import type { CheckView, RunView, StepView, Verdict } from "./wire.gen";
import type { Mark } from "./words";

const DIGITS = 6;

export const VERDICT: Record<Verdict, Mark> = {
  pass: { word: "Pass", icon: "check", tone: "done" },
  fail: { word: "Fail", icon: "x", tone: "fault" },
  error: { word: "Error", icon: "alert", tone: "fault" },
  skipped: { word: "Skipped", icon: "right", tone: "offline" },
};

const said = (value: unknown, unit: string) => withUnit(portText(typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : value, unit, true));

export function valueText({ value, unit, quality }: CheckView): string {
  return said(value, unit) + (quality === "ok" ? "" : ` (${quality})`);
}

/** "4.95 V to 5.05 V", "from 4.95 V"; "" where there are none. */
export function limitsText({ low, high, unit }: CheckView): string {
  if (low !== null && high !== null) return low === high ? said(low, unit) : `${said(low, unit)} to ${said(high, unit)}`;
  if (low !== null) return typeof low === "number" ? `from ${said(low, unit)}` : said(low, unit);
  return high === null ? "" : `up to ${said(high, unit)}`;
}

/** How a step is called: a device by its serial number, repeated attempts with their number. */
export function stepTitle({ kind, name, serial, attempts }: StepView): string {
  const title = kind === "device" ? `Device ${serial || name}` : name;
  return attempts > 1 ? `${title} (${attempts} attempts)` : title;
}

/** How many steps have which verdict: "2 pass, 1 fail"; devices and what holds steps not counted. */
export function tally(steps: readonly StepView[]): string {
  const leaves = steps.filter((step, n) => (steps[n + 1]?.depth ?? -1) <= step.depth);
  const counts = (["error", "fail", "pass", "skipped"] as const).map((verdict) => [leaves.filter((step) => step.verdict === verdict).length, verdict] as const);
  return counts.filter(([count]) => count > 0).map(([count, verdict]) => `${count} ${verdict}`).join(", ");
}

/** A run as it is now, with the verdict that the listing has of it. */
export function withVerdict(run: RunView, listed: RunView | undefined): RunView {
  return run.verdict === null && listed?.verdict ? { ...run, verdict: listed.verdict } : run;
}
