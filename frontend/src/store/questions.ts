/** What the page asks the worker for while it is looked at; no answer is no reason for a message. */

import type { BeforeRunView, Body, HistoryView, MapView, RunView, Shown, TrafficPage } from "../model/wire.gen";
import { live } from "./commands";
import { Refused } from "./link";

/** What the body of a card shows; null where it cannot be had. */
export const bodyOf = (id: string) => ask<Shown>({ type: "get_body", id });

/** A run as a map of one column over two others, "" for those it takes itself; null where there is none. */
export const mapOf = (run: string, recorder: string, x: string, y: string, z: string) => ask<MapView>({ type: "get_map", run, recorder, x, y, z });

/** What went over the wires since; null where it cannot be had just now. */
export const trafficSince = (since: Record<string, number>) => ask<TrafficPage>({ type: "get_traffic", since });

/** What has to be said before a run; null where it cannot be had just now. */
export const beforeRun = () => ask<BeforeRunView>({ type: "get_before_run" });

/** What a parameter was of late; null where it cannot be had just now. */
export const pastOf = (device: string, member: string, last_s: number) => ask<HistoryView>({ type: "get_history", device, member, last_s });

/** Runs with all these words in what is known of them; null where nobody can say just now. */
export const runsWith = (search: string) => ask<RunView[]>({ type: "list_runs", search, limit: 200 });

async function ask<T>(body: Body): Promise<T | null> {
  try {
    return ((await live()?.send(body)) as T | undefined) ?? null;
  } catch (error) {
    const again = retryAfter(error);
    if (again === null) return null;
    await new Promise((resolve) => setTimeout(resolve, again));
    return ask<T>(body);
  }
}

/** Milliseconds after which to ask again, where this page has asked for too much; else null. */
function retryAfter(error: unknown): number | null {
  if (!(error instanceof Refused) || error.problem.title !== "OverBudget") return null;
  const seconds = error.problem.context["retry_after_s"];
  return typeof seconds === "number" ? 1000 * Math.max(0.2, seconds) : null;
}
