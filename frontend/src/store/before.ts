/** What has to be said before a run, as the worker on show asks for it. */

import { create } from "zustand";
import { missing, NOTHING_ASKED } from "../model/about";
import type { BeforeRunView } from "../model/wire.gen";
import { get, set, toast } from "./editor";
import { useMemory } from "./memory";
import { beforeRun } from "./questions";

export const useBefore = create<{ worker: string; before: BeforeRunView }>()(() => ({ worker: "", before: NOTHING_ASKED }));

/** Ask the worker anew: the list of samples may have changed. */
export async function askBefore(): Promise<void> {
  const { worker } = get();
  const found = await beforeRun();
  if (found && get().worker === worker) useBefore.setState({ worker, before: found });
}

const WORDS = { sample: "a sample", project: "a project", notes: "notes" };

/** Whether all is said that is asked for; else show where to say it. */
export function isAllSaid(): boolean {
  const { worker, before } = useBefore.getState();
  const fields = worker === get().worker ? missing(before, useMemory.getState().about) : [];
  const [first] = fields;
  if (!first) return true;
  toast(`Before a run it is asked for ${fields.map((field) => WORDS[field]).join(" and ")}.`, "Say it under Next run.");
  set({ selection: [], panel: "inspector" });
  setTimeout(() => document.getElementById(`next-${first}`)?.focus());
  return false;
}
