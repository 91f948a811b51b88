/** E-STOP: its own path past every queue, on the socket and by HTTP at once. */

import { api } from "./api";
import { command, live, sentence } from "./commands";
import { get, set, toast } from "./editor";

/** Press E-STOP: on the live socket and by POST at once; either may win. */
export function estop(): void {
  const { worker } = get();
  const at = Date.now() / 1000;
  set({ pressed: { at, state: "sending", detail: "" } });
  const ways: Array<Promise<unknown>> = [];
  const link = live();
  if (link) ways.push(link.send({ type: "estop" }));
  if (worker) ways.push(api.estop(worker));
  Promise.any(ways).then(
    () => settlePress(at, "sent", ""),
    (error: unknown) => {
      const causes = error instanceof AggregateError ? error.errors.map(sentence) : [sentence(error)];
      settlePress(at, "unreachable", causes.at(-1) ?? "");
    },
  );
}

function settlePress(at: number, state: "sent" | "unreachable", detail: string): void {
  const { pressed, graph } = get();
  if (pressed?.at !== at) return;
  const latched = graph?.latch.latched === true;
  if (latched && state === "unreachable") toast(`This press of E-STOP could not reach the worker. ${detail}`, "Switch the outputs off by hand.");
  set({ pressed: latched ? null : { at, state, detail } });
}

export async function resetEstop(confirmed: string[]): Promise<boolean> {
  return (await command({ type: "estop_reset", confirmed })) !== null;
}
