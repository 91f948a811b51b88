import type { PortKind } from "../../model/wire.gen";

/** The shape and colour of a port's type. */
export function PortShape({ kind }: { kind: PortKind }) {
  return (
    <svg className="pt" style={{ color: `var(--type-${kind})` }} aria-hidden="true">
      <use href={`#p-${kind}`} />
    </svg>
  );
}
