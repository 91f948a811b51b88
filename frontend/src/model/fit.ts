/** Which wire fits where, and the sentence that says why one does not.
 *
 *  Decides what dims while a wire is in the hand. The worker decides in the end.
 */

import { sameDimension, unitWords, whyNot } from "./dimension";
import type { LibraryEntry, NodeView, PortKind } from "./wire.gen";

export interface End {
  kind: PortKind;
  unit: string;
}

/** Pairs of kinds that fit besides equal ones: output, then input. */
const FITS = new Set([
  "number quantity", "quantity number", "bool number", "bool quantity", "number array", "quantity array", "array table",
]);
const WORDS: Record<PortKind, string> = {
  number: "a number", quantity: "a quantity", bool: "an on/off value", text: "text", array: "an array",
  table: "a table", device: "a device", image: "an image", trigger: "a trigger", any: "anything",
};

/** Why an output does not fit into an input, as one sentence; "" where it fits. */
export function misfit(output: End, input: End): string {
  if (input.kind === "any" || input.kind === "trigger" || output.kind === "any") return "";
  if (output.unit !== "" && input.unit !== "") {
    if (sameDimension(output.unit, input.unit) !== false) return "";
    const why = whyNot(output.unit, input.unit);
    return `${capital(unitWords(output.unit))} do not fit into ${unitWords(input.unit)}${why && `: ${why}`}.`;
  }
  if (output.kind === input.kind || FITS.has(`${output.kind} ${input.kind}`)) return "";
  return `${capital(WORDS[output.kind])} does not fit into ${WORDS[input.kind]}.`;
}

function capital(words: string): string {
  return words.length > 2 ? words.charAt(0).toUpperCase() + words.slice(1) : words;
}

/** One end of a wire that is being drawn. */
export interface WireEnd {
  node: string;
  port: string;
  side: "in" | "out";
}

export const GROW = "+";

/** The port that a wire end names; the growing port "+" and columns of a recorder take anything. */
export function endOf(node: NodeView | undefined, end: WireEnd): End | null {
  if (!node) return null;
  if (end.port === GROW && node.grows) return { kind: "any", unit: "" };
  const found = (end.side === "in" ? node.inputs : node.outputs).find((port) => port.id === end.port);
  return found && end.side === "in" && node.node_id === "recorder" ? { kind: "any", unit: "" } : found ?? null;
}

/** Why two ends cannot be joined; "" where they can. */
export function misjoin(nodes: Record<string, NodeView>, a: WireEnd, b: WireEnd): string {
  if (a.side === b.side) return a.side === "in" ? "A wire ends in one input." : "A wire starts at one output.";
  if (a.node === b.node) return "A node does not feed itself.";
  const [from, into] = a.side === "out" ? [a, b] : [b, a];
  const output = endOf(nodes[from.node], from);
  const input = endOf(nodes[into.node], into);
  return output && input ? misfit(output, input) : "That port is gone.";
}

/** Whether a new node of this kind has a port for the wire in the hand; its id, or null. */
export function entryPort(entry: LibraryEntry, held: End, side: "in" | "out"): string | null {
  const ports = side === "out" ? entry.inputs : entry.outputs;
  const fits = (port: End) => (side === "out" ? misfit(held, port) : misfit(port, held)) === "";
  const own = ports.find((port) => port.kind === held.kind && fits(port));
  return (own ?? ports.find(fits))?.id ?? null;
}
