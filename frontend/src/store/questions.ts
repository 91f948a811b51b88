/** What the page asks the worker for while it is looked at; no answer is no reason for a message. */

import type { Body, Shown, TrafficPage } from "../model/wire.gen";
import { live } from "./commands";

/** What the body of a card shows; null where it cannot be had. */
export const bodyOf = (id: string) => ask<Shown>({ type: "get_body", id });

/** What went over the wires since; null where it cannot be had just now. */
export const trafficSince = (since: Record<string, number>) => ask<TrafficPage>({ type: "get_traffic", since });

async function ask<T>(body: Body): Promise<T | null> {
  try {
    return ((await live()?.send(body)) as T | undefined) ?? null;
  } catch {
    return null;
  }
}
