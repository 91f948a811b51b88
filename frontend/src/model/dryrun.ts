/** The report of a dry run as people read it, and which node each line is about. */

import { portText, withUnit } from "./format";
import type { DryReport, DryRunView, EndReport, NodeView, RangeReport, WriteReport } from "./wire.gen";
import type { Mark } from "./words";

type Nodes = Record<string, NodeView>;

/** What the dry run says of the real one, as mark and sentence. */
export function outcome({ evidence: { report }, fine }: DryRunView): { mark: Mark; text: string } {
  if (fine) return { mark: { word: "Would complete", icon: "check", tone: "done" }, text: "The run would be let begin and, as far as can be seen, would complete." };
  if (report.state === "refused" || (report.state === "complete" && report.refused.length)) {
    const text = report.state === "refused" ? "The run would not begin." : "Tried on simulators it completes, but the real run would not begin.";
    return { mark: { word: "Would be refused", icon: "lock", tone: "fault" }, text };
  }
  return { mark: { word: `Would be ${report.state}`, icon: "x", tone: "fault" }, text: report.message || `The run would be ${report.state}.` };
}

/** Seconds of the run: "0.25 s", "12 min 30 s", "8 h 0 min". */
export function span(seconds: number): string {
  if (seconds < 59.995) return `${seconds.toFixed(2)} s`;
  const all = Math.round(seconds);
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60), all % 60];
  return h ? `${h} h ${Math.floor((all % 3600) / 60)} min` : `${m} min ${s} s`;
}

/** "51 points", "20 of 51 points". */
export function pointsText({ points, total }: Pick<DryReport, "points" | "total">): string {
  return `${points}${total !== null && total !== points ? ` of ${total}` : ""} ${points === 1 && total === 1 ? "point" : "points"}`;
}

const said = (value: unknown, unit: string) => withUnit(portText(value, unit, true));

/** What was written: "20 mA", "0 V … 0.7 V, 51 times". */
export function writeText(write: WriteReport): string {
  const parts: string[] = [];
  if (write.first !== null) parts.push(said(write.first, write.unit) + (write.count > 1 ? ` … ${said(write.last, write.unit)}` : ""));
  if (reachesBeyond(write)) parts.push(`between ${said(write.lowest, write.unit)} and ${said(write.highest, write.unit)}`);
  if (write.count > 1) parts.push(`${write.count} times`);
  if (write.makes_safe) parts.push("to make it safe");
  return parts.join(", ");
}

function reachesBeyond({ count, first, last, lowest, highest }: WriteReport): boolean {
  return count > 1 && [lowest, highest].some((end) => end !== null && end !== first && end !== last);
}

export function rangeText({ lowest, highest, unit }: RangeReport): string {
  return lowest === highest ? said(lowest, unit) : `${said(lowest, unit)} to ${said(highest, unit)}`;
}

/** What something stands at in the end, and whether anybody has to look at it. */
export function endText(end: EndReport): { text: string; bad: boolean } {
  if (end.error) return { text: `not known: ${end.error}`, bad: true };
  const value = said(end.value, end.unit);
  return end.is_safe === false ? { text: `${value}, which is not its safe state`, bad: true } : { text: value, bad: false };
}

/** The node that sets a member of a device, or else one that talks to the device; null for none. */
export function nodeOf(nodes: Nodes, device: string, member: string): string | null {
  const all = Object.values(nodes).filter((node) => node.device === device && !node.muted);
  return (all.find((node) => node.member === member) ?? all[0])?.id ?? null;
}

/** The node that a sentence names first, the longer name where two begin there; null for none. */
export function nodeNamed(nodes: Nodes, sentence: string): string | null {
  let found: { at: number; length: number; id: string } | null = null;
  for (const { name, id } of Object.values(nodes)) {
    const at = name.trim() ? wordAt(sentence, name) : -1;
    if (at >= 0 && (!found || at < found.at || (at === found.at && name.length > found.length))) found = { at, length: name.length, id };
  }
  return found?.id ?? null;
}

/** Where a name stands in a sentence as words of its own; -1 where it does not. */
function wordAt(sentence: string, name: string): number {
  const letter = /[\p{L}\p{N}_]/u;
  for (let at = sentence.indexOf(name); at >= 0; at = sentence.indexOf(name, at + 1)) {
    const [before, after] = [sentence.charAt(at - 1), sentence.charAt(at + name.length)];
    if (!letter.test(before) && !letter.test(after)) return at;
  }
  return -1;
}
