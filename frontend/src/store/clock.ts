/** Wall time as the worker has it, and the beat that ages are written on. */

import { pace } from "./pace";

let ahead = 0;

/** What the worker's clock says as it answers; ages are counted on it. */
export function setClock(worker: number): void {
  if (worker > 0) ahead = worker - Date.now() / 1000;
}

/** A worker whose clock runs ahead of this machine's must not give negative ages. */
export function seen(t: number | null): void {
  if (t !== null) ahead = Math.max(ahead, t - Date.now() / 1000);
}

export function now(): number {
  return Date.now() / 1000 + ahead;
}

const BEAT_MS = 200;
const writers = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | null = null;

/** Call a writer five times a second until the returned function is called: one timer for all, and
 *  no drawing of their own beside the values that stream. */
export function onBeat(write: (now: number) => void): () => void {
  writers.add(write);
  timer ??= setInterval(() => pace.along(beat), BEAT_MS);
  return () => {
    writers.delete(write);
    if (writers.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

function beat(): void {
  const at = now();
  writers.forEach((each) => each(at));
}
