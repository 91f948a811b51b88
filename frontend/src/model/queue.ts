/** What the queue tab shows, in words; pure. */

import type { QueueEntryView, QueueView } from "./wire.gen";

export const EMPTY_QUEUE: QueueView = { armed: false, armed_by: "", why: "", hold: "", approval: false, entries: [] };

/** How the queue stands, in a sentence. */
export function standing(queue: QueueView): string {
  if (!queue.armed) return `Not armed. ${queue.why}`.trim();
  if (queue.hold) return `Held: ${queue.hold}`;
  return `Armed by ${queue.armed_by}.`;
}

/** The place an entry goes to by one step up or down, or null where there is none of its priority. */
export function stepTo(entries: readonly QueueEntryView[], entry: QueueEntryView, step: 1 | -1): number | null {
  if (!entry.place) return null;
  const other = entries.find((each) => each.place === entry.place + step);
  return other && other.priority === entry.priority ? other.place : null;
}

/** A priority as somebody typed it, or null where it is none. */
export function asPriority(text: string): number | null {
  const typed = text.trim().replace("−", "-");
  if (!/^-?\d{1,3}$/.test(typed)) return null;
  const number = Number(typed);
  return Math.abs(number) <= 100 ? number : null;
}

/** Who submitted and approved it, and what was said of it. */
export function details(entry: QueueEntryView): string {
  const approved = entry.approved_by ? `approved by ${entry.approved_by}` : "";
  const evidence = entry.evidence ? `dry run: ${entry.evidence}` : "";
  return [entry.sample, entry.project, entry.sets.join(", "), approved, evidence].filter(Boolean).join(" · ");
}
