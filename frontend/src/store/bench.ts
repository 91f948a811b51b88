/** The bench by hand: its devices, and what it watches by itself. */

import type { AlarmView } from "../model/wire.gen";
import { command } from "./commands";
import { toast } from "./editor";

export const connectDevice = (name: string) => void command({ type: "device_connect", name });
export const acceptChanges = (name: string) => void command({ type: "device_accept", name });
export const disconnectDevice = (name: string) => void command({ type: "device_disconnect", name });

/** Somebody has seen an alarm, as grave as it is shown here. */
export async function acknowledge({ name, unacknowledged }: AlarmView): Promise<void> {
  const answer = await command({ type: "alarm_acknowledge", name, severity: unacknowledged });
  if (answer?.result === false) toast(`${name} was not acknowledged: it has become graver meanwhile.`, "", "info");
}

export const shelve = (name: string, seconds: number) => void command({ type: "alarm_shelve", name, seconds });
export const resetInterlock = (name: string) => void command({ type: "interlock_reset", name });
