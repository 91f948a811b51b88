/** Where a page stands in a worker's sequence of frames, and what to do with the next message.
 *
 *  Guarantees that every frame is applied once and in order: a repeated one is dropped, a missing
 *  one is asked for, and another session (the worker has restarted) needs a new snapshot.
 */

import type { Frame, Snapshot, Subscribe } from "./wire.gen";

export interface Place {
  session: string;
  seq: number;
}

export const NOWHERE: Place = { session: "", seq: 0 };

export type Verdict =
  | { do: "apply"; place: Place }
  | { do: "drop" }
  /** Frames are missing: subscribe again from here. */
  | { do: "ask"; place: Place };

export function onFrame(place: Place, frame: Pick<Frame, "session" | "seq">): Verdict {
  if (place.session === "") return { do: "drop" };
  if (frame.session !== place.session) return { do: "ask", place: NOWHERE };
  if (frame.seq <= place.seq) return { do: "drop" };
  if (frame.seq > place.seq + 1) return { do: "ask", place };
  return { do: "apply", place: { session: frame.session, seq: frame.seq } };
}

/** A snapshot always wins, even an older sequence of the same session. */
export function onSnapshot(snapshot: Pick<Snapshot, "session" | "seq">): Place {
  return { session: snapshot.session, seq: snapshot.seq };
}

export function subscribe(worker: string, place: Place): Subscribe {
  return { type: "subscribe", worker, session: place.session, seq: place.seq };
}

/** Seconds to wait before the nth attempt to reconnect: 0.25, 0.5, 1, 2, 3, 3 … */
export function backoff(attempt: number): number {
  return Math.min(3, 0.25 * 2 ** attempt);
}
