import type { Mark } from "../../model/words";
import { useTick } from "./useTick";

/** An icon, a colour and a word, read aloud with the word. */
export function Lamp({ mark, title }: { mark: Mark; title?: string }) {
  return (
    <span className={`lamp ${mark.tone}`} title={title ?? mark.word}>
      <Symbol name={mark.icon} />
      <span className="sr">{mark.word}</span>
    </span>
  );
}

/** The symbol of a state; the one for busy turns. */
function Symbol({ name, className = "" }: { name: string; className?: string }) {
  const turning = useTick<SVGSVGElement>(name === "turn");
  return (
    <svg viewBox="0 0 16 16" className={className} aria-hidden="true" ref={turning}>
      <use href={`#i-${name}`} />
    </svg>
  );
}

export function Chip({ mark }: { mark: Mark }) {
  return (
    <span className={`chip ${mark.tone}`}>
      <Symbol name={mark.icon} className="i" />
      {mark.word}
    </span>
  );
}

export function Sim({ text = "SIM", small = true }: { text?: string; small?: boolean }) {
  return (
    <span className={`sim ${small ? "xs" : ""}`} title="Simulated">
      {text}
    </span>
  );
}
