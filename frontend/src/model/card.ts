/** What a card on the canvas measures and where its ports sit, from what does not change while it runs,
 *  so that no value moves a port.
 *
 *  The measures are those of `tokens.css` and `editor.css`: known before anything is drawn, so that a
 *  canvas of a thousand nodes need not draw each to learn its size. Only what is below the ports, a
 *  table or the sentence of an error, is guessed here and measured once it is seen.
 */

import { GROW } from "./fit";
import { isWired, type Wired } from "./wires";
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
  const device = node.device ? 170 + 7 * node.device.length : 0;
  const rows = ports.map((port) => (port.kind === "trigger" || port.kind === "device" ? 0 : BESIDE + 6.2 * port.name.length));
  const needed = Math.max(node.subgraph ? SUBGRAPH : CARD, header, device, ...rows);
  return Math.min(WIDEST, 4 * Math.ceil(needed / 4));
}

/** The ports that a card shows: hidden ones only where they have a wire. */
export function portsOf(node: NodeView, wired: Wired): { inputs: PortView[]; outputs: PortView[] } {
  return {
    inputs: node.inputs.filter((port) => !port.hidden || isWired(wired, "in", port.id)),
    outputs: node.outputs.filter((port) => !port.hidden || isWired(wired, "out", port.id)),
  };
}

/** Whether an unconnected input of this kind is set by hand. */
export function hasWidget(port: PortView): boolean {
  return port.options !== null || ["number", "quantity", "bool", "text", "any"].includes(port.kind);
}

/** Whether a row holds a widget and is taller for it. */
export function isTall(port: PortView, side: "in" | "out", wired: boolean): boolean {
  return side === "in" && !wired && port.kind !== "trigger" && port.kind !== "device" && hasWidget(port);
}

/** Whether the device has a row of its own, since no port stands for it. */
export function hasDeviceRow(node: NodeView, inputs: readonly PortView[]): boolean {
  return node.device !== "" && !inputs.some((port) => port.kind === "device");
}

/** Where a port's shape sits: its middle, from the card's left upper corner. */
export interface Spot {
  /** "in:port" or "out:port". */
  id: string;
  side: "in" | "out";
  x: number;
  y: number;
}

export interface CardShape {
  width: number;
  /** Down to the end of the ports. */
  ports: number;
  /** Of the whole card, as far as that can be known. */
  height: number;
  spots: readonly Spot[];
}

const BORDER = 1;
const HEADER = 32;
const ROW = 24;
const WIDGET = 28;
const PAD = 4;
const SUBROW = 37;
const BODY: Record<string, number> = { "": 0, plot: 258, table: 216, image: 200, text: 60, json: 60 };

const shapes = new WeakMap<NodeView, { wired: Wired; shape: CardShape }>();
const alike = new Map<string, CardShape>();

/** The shape of a card. Cards with the same rows share one object, which so tells whether it changed. */
export function shapeOf(node: NodeView, wired: Wired): CardShape {
  const known = shapes.get(node);
  if (known?.wired === wired) return known.shape;
  const made = measure(node, wired);
  const key = JSON.stringify(made);
  const shape = alike.get(key) ?? made;
  alike.set(key, shape);
  shapes.set(node, { wired, shape });
  return shape;
}

function measure(node: NodeView, wired: Wired): CardShape {
  const { inputs, outputs } = portsOf(node, wired);
  const width = cardWidth(node, [...inputs, ...outputs]);
  const spots: Spot[] = [];
  let y = BORDER + HEADER;
  const row = (id: string, side: "in" | "out", height: number) => {
    if (id) spots.push({ id: `${side}:${id}`, side, x: side === "in" ? BORDER / 2 : width - BORDER / 2, y: y + height / 2 });
    y += height;
  };
  const hasIns = inputs.length > 0 || node.grows || hasDeviceRow(node, inputs);
  if (hasIns) {
    y += PAD;
    if (hasDeviceRow(node, inputs)) row("", "in", ROW);
    for (const port of inputs) row(port.id, "in", isTall(port, "in", isWired(wired, "in", port.id)) ? WIDGET : ROW);
    if (node.grows) row(GROW, "in", ROW);
    y += PAD;
  }
  if (outputs.length > 0) {
    y += hasIns ? BORDER + PAD : PAD;
    for (const port of outputs) row(port.id, "out", ROW);
    y += PAD;
  }
  return { width, ports: y, height: y + (BODY[node.body] ?? 0) + (node.subgraph ? SUBROW : 0) + BORDER, spots };
}
