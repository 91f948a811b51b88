/** Text as it is: lines that are too long wrap in plain text, and scroll in JSON. */
export function TextBody({ text, label, plain }: { text: string; label: string; plain: boolean }) {
  return (
    <pre className={`bodyscroll nodrag nowheel ${plain ? "plain" : ""}`} tabIndex={0} role="region" aria-label={`${label} text`}>
      {text}
    </pre>
  );
}
