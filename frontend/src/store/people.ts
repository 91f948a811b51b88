/** Who one is to the others, and who holds the controls. */

import { api } from "./api";
import { command, report } from "./commands";
import { get, set } from "./editor";

export async function setMyName(name: string): Promise<void> {
  try {
    await api.setName(name);
    const { me } = get();
    if (me) set({ me: { ...me, name } });
  } catch (error) {
    report(error);
  }
}

export const takeControls = () => void command({ type: "take_controls" });
