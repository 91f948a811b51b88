/** Answers to what nodes ask. */

import { command, live, report } from "./commands";
import { LinkLost, Refused } from "./link";

/** Answer; returns why the value is none, or "". Whatever else is refused becomes a message. */
export async function answer(id: string, value: string | boolean | Uint8Array): Promise<string> {
  try {
    const link = live();
    if (!link) throw new LinkLost("There is no connection to the worker.");
    await link.send({ type: "answer_prompt", id, value });
  } catch (error) {
    if (error instanceof Refused && error.problem.title === "ValueRefusedError") return error.problem.detail;
    report(error);
  }
  return "";
}

export const see = (id: string) => void command({ type: "see_prompt", id });
