/** E-STOP: its own path past every queue, on the socket and by HTTP at once. */

import { api } from "./api";
import { command, live, sentence } from "./commands";
import { type EditorState, get, set, toast } from "./editor";
import { pace } from "./pace";

/** For so long nothing that streams is drawn after a press: the press is on screen before it. */
const SEEN_MS = 250;

/** Press E-STOP: on the live socket and by POST at once; either may win. Where no worker is on show,
 *  every one that runs is told. */
export function estop(): void {
  const { worker } = get();
  const at = Date.now() / 1000;
  set({ pressed: { at, state: "sending", detail: "" } });
  pace.giveWay(SEEN_MS);
  const ways: Array<Promise<unknown>> = [];
  const link = live();
  if (link) ways.push(link.send({ type: "estop" }));
  ways.push(worker ? api.estop(worker) : stopAll());
  Promise.any(ways).then(
    () => settlePress(at, "sent", ""),
    (error: unknown) => {
      const causes = error instanceof AggregateError ? error.errors.map(sentence) : [sentence(error)];
      settlePress(at, "unreachable", causes.at(-1) ?? "");
    },
  );
}

async function stopAll(): Promise<unknown> {
  const running = (await api.workers()).filter((each) => each.state === "running");
  if (!running.length) throw new Error("No worker is running.");
  return Promise.any(running.map((each) => api.estop(each.uuid)));
}

/** What the button stops, in words (S4). */
export function scopeWords({ worker, workers, graph }: EditorState): string {
  if (!worker) return "every worker of this server";
  const name = workers.find((each) => each.uuid === worker)?.name;
  const devices = Object.keys(graph?.devices ?? {});
  return [name ? `worker ${name}` : "this worker", devices.length > 0 && `(${devices.join(", ")})`].filter(Boolean).join(" ");
}

/** What has a bench and is not stopped from here, one line each. */
export async function notStopped(): Promise<string[]> {
  const { workers, others } = await api.estopScope();
  const beside = workers.filter((each) => each.uuid !== get().worker).map((each) => `Worker ${each.name}, from its own page`);
  return [...beside, ...others.map(({ kind, name, pid }) => `${kind === "worker" ? "Worker" : "Program"} ${name}, process ${pid}`)];
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
