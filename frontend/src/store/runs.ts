/** Run, Pause and Stop, and effects outside runs; each of a plan that was seen (S1). */

import { isRunning } from "../model/graph";
import { asked, mustShow, planKey } from "../model/safety";
import type { SafetyView } from "../model/wire.gen";
import { command } from "./commands";
import { get, mayAct, openDialog, set } from "./editor";
import { remember, useMemory } from "./memory";

/** Run, or go on. Where a real bench is about to be armed its plan is shown first (S1). */
export function run(): void {
  const { graph, planSeen } = get();
  if (!mayAct(get()) || !graph?.space || graph.latch.latched) return;
  if (graph.run?.state === "paused") void command({ type: "run_resume" });
  else if (isRunning(graph.run)) return;
  else if (mustShow(graph.safety, planSeen)) openDialog("arm-run");
  else startRun(graph.safety);
}

function startRun(safety: SafetyView): void {
  const { about } = useMemory.getState();
  remember.ran();
  void command({ type: "run_start", accepted: asked(safety), ...about }).then((answer) => answer && remember.about({ notes: "" }));
}

/** Switch effects outside runs on or off; on only once the plan was seen. */
export function setLive(live: boolean): void {
  const { graph, planSeen } = get();
  if (live && graph && mustShow(graph.safety, planSeen)) openDialog("arm-live");
  else void command({ type: "set_live", live, accepted: live && graph ? asked(graph.safety) : [] });
}

/** Go on with what was about to be armed: this plan was seen, and its warnings accepted. */
export function arm(what: "arm-run" | "arm-live", safety: SafetyView): void {
  set({ planSeen: planKey(safety), dialog: null });
  if (what === "arm-run") run();
  else setLive(true);
}

export function pause(): void {
  if (get().graph?.run?.state === "running") void command({ type: "run_pause" });
}

export function stop(): void {
  const run = get().graph?.run ?? null;
  if (isRunning(run)) void command({ type: run?.state === "stopping" ? "run_abort" : "run_stop" });
}
