/** A sentence of the worker's, its commands (':READ?', '*IDN?') set as code. Always text, never markup. */
export function Said({ text }: { text: string }) {
  const parts = text.split(/'([:*][^']{1,80})'/);
  return <>{parts.map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}
