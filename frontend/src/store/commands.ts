/** The live link to the worker on show, and how anything is sent over it. */

import type { Body } from "../model/wire.gen";
import { HttpProblem } from "./api";
import { toast } from "./editor";
import { type Link, LinkLost, Refused } from "./link";

let link: Link | null = null;

/** The link to the worker on show; null where there is none. */
export function live(): Link | null {
  return link;
}

/** Talk to another worker from now on, or to none. */
export function talkTo(next: Link | null): void {
  link?.close();
  link = next;
}

/** The revision that is on show: what an edit that begins now is made on. */
export function revision(): number {
  return link?.seen ?? 0;
}

/** Send a command; a refusal becomes a toast. Returns the answer, or null where it was refused. */
export async function command(body: Body, made?: number): Promise<{ result: unknown } | null> {
  try {
    if (!link) throw new LinkLost("There is no connection to the worker.");
    return { result: await link.send(body, made) };
  } catch (error) {
    report(error);
    return null;
  }
}

export function report(error: unknown): void {
  if (error instanceof Refused) toast(error.problem.detail, error.problem.hint);
  else toast(sentence(error), error instanceof HttpProblem ? error.hint : "");
}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
