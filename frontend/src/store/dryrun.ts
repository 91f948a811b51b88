/** The dry run of this page: asked for, cancelled, told; and the node that a line is about. */

import { create } from "zustand";
import type { DryRunView } from "../model/wire.gen";
import { scopeOf } from "../model/scope";
import { live, sentence } from "./commands";
import { get, mayAct, openDialog, set } from "./editor";
import { Refused } from "./link";

export type Dry =
  | { state: "none" }
  | { state: "on" }
  | { state: "told"; view: DryRunView; rev: number }
  | { state: "failed"; text: string; hint: string };

export const useDry = create<{ dry: Dry }>()(() => ({ dry: { state: "none" } }));
let asked = 0;

/** Try the graph as it is now; the dialog shows how it goes. */
export async function dryRun(): Promise<void> {
  if (!mayAct(get()) || !get().graph?.space) return;
  const mine = ++asked;
  const tell = (dry: Dry) => mine === asked && useDry.setState({ dry });
  tell({ state: "on" });
  openDialog("dry-run");
  try {
    const link = live();
    if (!link) throw new Error("There is no connection to the worker.");
    const rev = link.seen;
    tell({ state: "told", view: (await link.send({ type: "dry_run" })) as DryRunView, rev });
  } catch (error) {
    const hint = error instanceof Refused ? error.problem.hint : "";
    tell({ state: "failed", text: error instanceof Refused ? error.problem.detail : sentence(error), hint });
  }
}

/** Close what is shown; a dry run that is still on is of no use to anybody then. */
export function leaveDry(): void {
  if (useDry.getState().dry.state === "on") {
    asked += 1;
    useDry.setState({ dry: { state: "none" } });
    live()?.send({ type: "dry_run_cancel" }).catch(() => undefined); // it is bounded in time anyway
  }
  openDialog(null);
}

/** Where the node is: its subgraph is opened, and it is selected. */
export function toNode(id: string): void {
  openDialog(null);
  set({ scope: scopeOf(id), selection: [id], panel: "canvas", palette: null, wireInHand: null, drag: null });
}
