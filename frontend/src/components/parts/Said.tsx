import type { ReactNode } from "react";

/** A sentence of the worker's, its commands (':READ?', `*IDN?`) set as code. Always text, never markup. */
const COMMAND = /'[:*][^']{1,120}'|`[^`]{1,120}`/g;

export function Said({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(COMMAND)) {
    parts.push(text.slice(from, match.index), <code key={match.index}>{match[0].slice(1, -1)}</code>);
    from = match.index + match[0].length;
  }
  return <>{[...parts, text.slice(from)]}</>;
}
