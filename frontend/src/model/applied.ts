/** What a device says that a card sets, and whether a reading speaks of the present. */

import type { DeviceView, NodeView, ParameterView } from "./wire.gen";

export type Said = ParameterView;

/** Whether a device can say what this input is: the value of a Set node. */
export function hasSaid(node: Pick<NodeView, "node_id" | "device">, port: string): boolean {
  return node.node_id === "device.set" && port === "value" && node.device !== "";
}

/** The setting as the device has it, by what was set or read last; null while that is not known. */
export function saidOf(node: Pick<NodeView, "member">, device: DeviceView | undefined): Said | null {
  if (!device || device.state === "offline" || device.state === "fault" || device.state === "unanswered") return null;
  return device.parameters.find(({ name, value }) => name === node.member && value !== null) ?? null;
}

/** Past twice its period a reading is late; short periods get a second for the way to the page. */
export function isLate(t: number | null, period: number | null, now: number): boolean {
  return t !== null && period !== null && now - t > Math.max(2 * period, period + 1);
}
