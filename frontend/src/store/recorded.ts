/** Runs that were recorded: their list, and the rows of those on show. */

import type { Piece } from "../model/rows";
import type { ContinueView, RunView } from "../model/wire.gen";
import { command, live } from "./commands";
import { get, openDialog, set, toast } from "./editor";
import { Refused } from "./link";
import { putRows, recordersHere, rowsHere } from "./streams";

/** After a snapshot: rows of the run on show and of the one before it. */
export async function catchUp(run: RunView | null): Promise<void> {
  if (run) void fillRows(run.id);
  await listRuns();
  const state = get();
  const previous = state.runs.find(
    (each) => each.id !== run?.id && each.rows > 0 && each.nodespace === (run?.nodespace ?? each.nodespace),
  );
  if ((state.previousRun && rowsHere(state.previousRun)) || !previous || !run) return;
  await fillRows(previous.id);
  set({ previousRun: previous.id });
}

/** Ask how a run would go on, and show it; a refusal becomes a toast with its reason. */
export async function planContinue(run: string): Promise<void> {
  const answer = await command({ type: "plan_continue", run });
  if (!answer) return;
  set({ continuing: answer.result as ContinueView });
  openDialog("continue");
}

/** Go on as it was shown. */
export async function continueRun(plan: ContinueView, accepted: string[]): Promise<void> {
  openDialog(null);
  const answer = await command({ type: "run_continue", run: plan.run, first: plan.first, token: plan.token, accepted });
  if (answer) await listRuns();
}

const filling = new Map<string, { again: boolean }>();
/** Points of a curve that are asked for at once; the worker thins a longer run to them. */
const POINTS = 5_000;

/** Fetch the rows of a run that are not here. */
export async function fillRows(run: string): Promise<void> {
  const busy = filling.get(run);
  if (busy) {
    busy.again = true;
    return;
  }
  const state = { again: true };
  filling.set(run, state);
  try {
    while (state.again) {
      state.again = false;
      const recorders = [...recordersHere(run).keys()];
      if (!recorders.length) recorders.push("");
      for (const recorder of recorders) {
        for (;;) {
          const start = recordersHere(run).get(recorder) ?? 0;
          const piece = (await live()?.send({ type: "get_rows", run, recorder, start, points: POINTS })) as (Piece & { recorders?: string[] }) | undefined;
          for (const other of piece?.recorders ?? []) if (!recorders.includes(other)) recorders.push(other);
          if (!piece || putRows(piece) !== null || (piece.data[0]?.length ?? 0) === 0) break;
          if (recorder === "") break;
        }
      }
    }
  } catch (error) {
    if (error instanceof Refused) toast(`The rows of this run could not be read: ${error.problem.detail}`, error.problem.hint);
  } finally {
    filling.delete(run);
  }
}

export async function listRuns(): Promise<void> {
  try {
    set({ runs: ((await live()?.send({ type: "list_runs", limit: 200 })) ?? []) as RunView[] });
  } catch (error) {
    if (error instanceof Refused) toast(error.problem.detail, error.problem.hint);
  }
}
