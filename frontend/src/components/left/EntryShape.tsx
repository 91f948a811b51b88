import type { LibraryEntry } from "../../model/wire.gen";
import { PortShape } from "../parts/PortShape";

/** The shape of what a node gives, or else of what it takes. */
export function EntryShape({ entry }: { entry: LibraryEntry }) {
  const data = [...entry.outputs, ...entry.inputs].find((port) => port.kind !== "trigger" && port.kind !== "device");
  const kind = data?.kind ?? entry.outputs[0]?.kind ?? entry.inputs[0]?.kind;
  return kind ? <PortShape kind={kind} /> : null;
}
