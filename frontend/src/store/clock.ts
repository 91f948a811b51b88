/** Wall time as the worker has it, and the beat that ages are written on. */

let ahead = 0;

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

/** Call a writer five times a second until the returned function is called. One timer for all. */
export function onBeat(write: (now: number) => void): () => void {
  writers.add(write);
  timer ??= setInterval(() => {
    const at = now();
    writers.forEach((each) => each(at));
  }, BEAT_MS);
  return () => {
    writers.delete(write);
    if (writers.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}
