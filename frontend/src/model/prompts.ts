/** Questions of nodes in words, and what a page offers and sends as an answer. */

import { countdown, limits, unitSymbol } from "./format";
import type { PromptView } from "./wire.gen";

/** Up to so many choices stand below each other; more of them are a list to open. */
export const CHOICES_IN_SIGHT = 6;
/** Pictures are made smaller than that before they are sent, in pixels of the longer side. */
export const PICTURE_SIDE = 1600;

/** "0:12 left, then 1 mm is taken"; "" where it waits for as long as it takes. */
export function dueWords({ due, then }: Pick<PromptView, "due" | "then">, now: number): string {
  if (due === null) return "";
  return due <= now ? `${then}.` : `${countdown(due - now)} left, then ${then}.`;
}

/** What a number has to be: "0 to 2 mm", "mm", or "". */
export function asksFor({ kind, min, max, unit }: Pick<PromptView, "kind" | "min" | "max" | "unit">): string {
  if (kind !== "number") return "";
  return limits(min, max, unit) || unitSymbol(unit);
}

/** What is filled in before anybody has typed. */
export function offered(prompt: PromptView): string {
  if (prompt.kind !== "choice") return prompt.default;
  return prompt.choices.includes(prompt.default) ? prompt.default : "";
}

/** For whoever does not see the page: "2 questions. Thickness: How thick?". */
export function announced(prompts: readonly PromptView[]): string {
  const newest = prompts[prompts.length - 1];
  if (!newest) return "";
  const asked = prompts.filter((prompt) => prompt.kind !== "tell").length;
  const count = asked > 1 ? `${asked} questions. ` : "";
  return `${count}${newest.name}: ${newest.text}`;
}

/** Sides of a picture that is to be no larger than it may be. */
export function fitted(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, PICTURE_SIDE / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
