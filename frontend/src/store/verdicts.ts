/** The run whose verdicts are looked at. */

import { create } from "zustand";
import type { RunView, VerdictsView } from "../model/wire.gen";
import { live, sentence } from "./commands";
import { openDialog } from "./editor";
import { Refused } from "./link";

interface Judged {
  run: RunView | null;
  found: VerdictsView | null;
  trouble: string;
}

export const useJudged = create<Judged>()(() => ({ run: null, found: null, trouble: "" }));

export async function showVerdicts(run: RunView): Promise<void> {
  useJudged.setState({ run, found: null, trouble: "" });
  openDialog("verdicts");
  const tell = (part: Partial<Judged>) => useJudged.getState().run?.id === run.id && useJudged.setState(part);
  try {
    const found = (await live()?.send({ type: "get_verdicts", run: run.id })) as VerdictsView | undefined;
    tell(found ? { found } : { trouble: "There is no connection to the worker." });
  } catch (error) {
    tell({ trouble: error instanceof Refused ? error.problem.detail : sentence(error) });
  }
}
