import { announced } from "../../model/prompts";
import type { PromptView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import { PromptCard } from "./PromptCard";

const NONE: PromptView[] = [];

/** What nodes ask and tell: in a corner, in nobody's way, first in the order of the Tab key. */
export function Prompts() {
  const prompts = useEditor((state) => state.graph?.prompts ?? NONE);
  const ready = useEditor((state) => state.phase === "ready");
  return (
    <>
      <p className="sr" role="status">{ready ? announced(prompts) : ""}</p>
      {ready && prompts.length > 0 && (
        <section className="prompts" aria-label="Questions" data-testid="prompts">
          {prompts.map((prompt) => (
            <PromptCard key={prompt.id} prompt={prompt} />
          ))}
        </section>
      )}
    </>
  );
}
