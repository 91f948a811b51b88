/** Run, Pause and Stop, and effects outside runs; each of a plan that was seen (S1). */

import { canStop, isRunning, nextStop } from "../model/graph";
import { asked, mustShow, planKey } from "../model/safety";
import type { SafetyView } from "../model/wire.gen";
import { isAllSaid } from "./before";
import { command, live as link, report } from "./commands";
import { get, mayAct, openDialog, set, toast } from "./editor";
import { remember, useMemory } from "./memory";
import { armQueue } from "./queue";

/** Run, or go on. Where a real bench is about to be armed its plan is shown first (S1). */
export function run(): void {
  const { graph, planSeen } = get();
  if (!mayAct(get()) || !graph?.space || graph.latch.latched) return;
  if (graph.run?.state === "paused") void command({ type: "run_resume" });
  else if (isRunning(graph.run)) return;
  else if (!isAllSaid()) return;
  else if (mustShow(graph.safety, planSeen)) openDialog("arm-run");
  else startRun(graph.safety);
}

function startRun(safety: SafetyView): void {
  const { about } = useMemory.getState();
  remember.ran();
  void command({ type: "run_start", accepted: asked(safety), ...about }).then((answer) => answer && remember.about({ notes: "" }));
}

/** Switch Live on or off; on only once the plan was seen, off with what was set parked or left. */
export function setLive(live: boolean): void {
  const { graph, planSeen } = get();
  if (!live && graph?.space?.written.length) openDialog("leave-live");
  else if (live && graph && mustShow(graph.safety, planSeen)) openDialog("arm-live");
  else if (!live) void leaveAtOnce();
  else void command({ type: "set_live", live, accepted: graph ? asked(graph.safety) : [] });
}

/** Nothing was set by hand, as far as this page knows; where it was, the worker asks back. */
async function leaveAtOnce(): Promise<void> {
  try {
    await link()?.send({ type: "set_live", live: false, accepted: [] });
  } catch (error) {
    if (get().graph?.space?.written.length) openDialog("leave-live");
    else report(error);
  }
}

/** Leave Live: park what was set by hand, or leave it as it is. */
export async function leaveLive(park: boolean): Promise<void> {
  openDialog(null);
  sayFailed(await command({ type: "set_live", live: false, park, accepted: [] }));
}

/** A device that could not be parked must not go unnoticed; the log has the reason. */
function sayFailed(answer: { result: unknown } | null): void {
  for (const [name, state] of Object.entries((answer?.result ?? {}) as Record<string, string>)) {
    if (state === "failed") toast(`${name} could not be parked: look at it.`, "The log says why.");
  }
}

/** Go on with what was about to be armed: this plan was seen, and its warnings accepted. */
export function arm(what: "arm-run" | "arm-live" | "arm-queue", safety: SafetyView): void {
  set({ planSeen: planKey(safety), dialog: null });
  if (what === "arm-run") run();
  else if (what === "arm-queue") armQueue();
  else setLive(true);
}

export function pause(): void {
  if (get().graph?.run?.state === "running") void command({ type: "run_pause" });
}

/** Stop whatever acts, run or not, each time more gravely: stop, abort, halt. */
export async function stop(): Promise<void> {
  if (nextStop(get().graph?.run ?? null) === "halt") return void command({ type: "run_halt" });
  if (canStop(get().graph)) sayFailed(await command({ type: "stop" }));
}
