/** The queue of runs: what is put into it, in which order, and whether it goes by itself. */

import { asked, mustShow } from "../model/safety";
import type { OnFailure } from "../model/wire.gen";
import { command } from "./commands";
import { get, mayAct, openDialog, toast } from "./editor";
import { remember, useMemory } from "./memory";

/** Put the open nodespace into the queue as it is now, with what is said of the next run. */
export async function addToQueue(name: string): Promise<boolean> {
  const { about } = useMemory.getState();
  const answer = await command({ type: "queue_add", graph: null, evidence: null, name, ...about });
  if (answer) remember.about({ notes: "" });
  return answer !== null;
}

/** Let the entries begin by themselves. Of a real bench the plan is shown first (S1). */
export function armQueue(): void {
  const { graph, planSeen } = get();
  if (!mayAct(get()) || !graph || graph.latch.latched) return;
  if (mustShow(graph.safety, planSeen)) openDialog("arm-queue");
  else void command({ type: "queue_arm", accepted: asked(graph.safety) });
}

export const disarmQueue = () => void command({ type: "queue_disarm" });
export const clearQueue = () => void command({ type: "queue_clear" });
export const approveEntry = (id: number) => void command({ type: "queue_approve", id, evidence: null });

/** Approve by the evidence of a dry run, as the command line wrote it into a file. */
export async function approveBy(id: number, file: File): Promise<void> {
  let evidence: unknown;
  try {
    evidence = JSON.parse(await file.text());
  } catch {
    evidence = null;
  }
  if (typeof evidence === "object" && evidence !== null) await command({ type: "queue_approve", id, evidence: evidence as Record<string, unknown> });
  else toast(`${file.name} is no evidence of a dry run.`, "'funcnodes run FILE --dry-run --evidence FILE' makes it.");
}
export const removeEntry = (id: number) => void command({ type: "queue_remove", id });
export const moveEntry = (id: number, place: number) => void command({ type: "queue_move", id, place });
export const setPriority = (id: number, priority: number) => void command({ type: "queue_change", id, priority, on_failure: null });
export const setOnFailure = (id: number, on_failure: OnFailure) => void command({ type: "queue_change", id, priority: null, on_failure });
