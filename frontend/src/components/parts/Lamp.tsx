import type { Mark } from "../../model/words";
import { Icon } from "./Icon";

/** An icon, a colour and a word, read aloud with the word. */
export function Lamp({ mark, title }: { mark: Mark; title?: string }) {
  return (
    <span className={`lamp ${mark.tone}`} title={title ?? mark.word}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <use href={`#i-${mark.icon}`} />
      </svg>
      <span className="sr">{mark.word}</span>
    </span>
  );
}

export function Chip({ mark }: { mark: Mark }) {
  return (
    <span className={`chip ${mark.tone}`}>
      <Icon name={mark.icon} className={mark.icon === "turn" ? "spin" : ""} />
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
