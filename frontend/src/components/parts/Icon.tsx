import { SYMBOLS } from "./symbols";

/** All symbols once per page, for `Icon` and `PortShape` to use by name. */
export function Sprite() {
  return (
    <svg width="0" height="0" style={{ position: "absolute" }} aria-hidden="true">
      {Object.entries(SYMBOLS).map(([id, { box, body }]) => (
        <symbol key={id} id={id} viewBox={box} dangerouslySetInnerHTML={{ __html: body }} />
      ))}
    </svg>
  );
}

export function Icon({ name, small = false, className = "" }: { name: string; small?: boolean; className?: string }) {
  return (
    <svg className={`i ${small ? "s" : ""} ${className}`} aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}

const SAME: Record<string, string> = { plot: "chart", recorder: "record" };

/** The icon that a node or a library entry asks for, or one that fits its shelf. */
export function nodeIcon(name: string, fallback = "fx"): string {
  const known = SAME[name] ?? name;
  return `i-${known}` in SYMBOLS ? known : fallback;
}

export function Brand() {
  return (
    <svg viewBox="0 0 22 22" fill="none" stroke="currentColor" strokeWidth="1.75" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <rect x="2" y="2" width="18" height="18" rx="5" />
      <path d="M6 15.5c4.5 0 6.5-2.5 8.500-8.5" />
      <circle cx="6" cy="15.5" r="1.3" fill="currentColor" />
      <circle cx="14.8" cy="6.5" r="1.3" fill="currentColor" />
    </svg>
  );
}
