import { useEffect, useRef } from "react";
import { dueWords } from "../../model/prompts";
import type { PromptView } from "../../model/wire.gen";
import { now, onBeat } from "../../store/clock";

/** How long a question still waits, and what happens then; written past React. */
export function Due({ prompt }: { prompt: PromptView }) {
  const line = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (prompt.due === null) return undefined;
    const write = (at: number) => {
      const text = dueWords(prompt, at);
      if (line.current && line.current.textContent !== text) line.current.textContent = text;
    };
    write(now());
    return onBeat(write);
  }, [prompt]);
  return prompt.due === null ? null : <p className="due" ref={line} />;
}
