/** Who holds the controls of the bench, in words. */

import type { PersonView } from "./wire.gen";

/** One sentence where the controls went from one person to another, else "". */
export function takenOver(before: readonly PersonView[], after: readonly PersonView[], me: string): string {
  const [old, now] = [before.find((each) => each.holder), after.find((each) => each.holder)];
  if (!old || !now || old.id === now.id) return "";
  const from = old.id === me ? "you" : old.name || "somebody else";
  return `${now.id === me ? "You" : now.name || "Somebody else"} took the controls over from ${from}.`;
}
