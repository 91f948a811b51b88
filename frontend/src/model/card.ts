/** How wide a card is: from what does not change while it runs, so that no value moves a port. */

import type { NodeView, PortView } from "./wire.gen";

export const CARD = 184;
const WIDEST = 288;
const PLOT = 376;
/** Room for "12 nodes, edited" beside Update and Open. */
const SUBGRAPH = 248;
/** A value with unit, age and pin, beside the name of its port. */
const BESIDE = 134;

/** Width in px: a card shows its name, and each port's name beside a value or a widget. */
export function cardWidth(node: NodeView, ports: readonly PortView[]): number {
  if (node.body === "text" || node.body === "json") return WIDEST;
  if (node.body !== "") return PLOT;
  const header = 96 + 7.2 * node.name.length;
  const device = node.device ? 160 + 7 * node.device.length : 0;
  const rows = ports.map((port) => (port.kind === "trigger" || port.kind === "device" ? 0 : BESIDE + 6.2 * port.name.length));
  const needed = Math.max(node.subgraph ? SUBGRAPH : CARD, header, device, ...rows);
  return Math.min(WIDEST, 4 * Math.ceil(needed / 4));
}
