import { type FormEvent, useId, useState } from "react";
import { offered } from "../../model/prompts";
import type { PromptView } from "../../model/wire.gen";
import { mayAct, useEditor } from "../../store/editor";
import { answer, see } from "../../store/prompts";
import { Icon } from "../parts/Icon";
import { AnswerField } from "./AnswerField";
import { Due } from "./Due";

/** One question with its field; or something that is told, until it was seen. */
export function PromptCard({ prompt }: { prompt: PromptView }) {
  const allowed = useEditor(mayAct);
  const [value, setValue] = useState<string | Uint8Array>(offered(prompt));
  const [refusal, setRefusal] = useState("");
  const [sending, setSending] = useState(false);
  const label = useId();
  const why = useId();
  const send = async (given: string | boolean | Uint8Array) => {
    setSending(true);
    setRefusal(await answer(prompt.id, given));
    setSending(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (allowed && !sending && value.length > 0) void send(value);
  };
  return (
    <form className={`prompt ${prompt.kind === "tell" ? "told" : ""}`} aria-labelledby={label} onSubmit={submit} noValidate data-testid="prompt" data-prompt={prompt.name} data-kind={prompt.kind}>
      <p className="from">
        <Icon name={prompt.kind === "tell" ? "note" : "help"} small />
        <span>{prompt.name}</span>
      </p>
      <p className="asked" id={label}>{prompt.text}</p>
      <AnswerField prompt={prompt} value={value} labelledBy={label} describedBy={refusal ? why : undefined} disabled={!allowed} onChange={setValue} />
      {refusal && <p className="refusal" id={why} role="alert">{refusal}</p>}
      <Due prompt={prompt} />
      <div className="acts">
        <Verbs prompt={prompt} disabled={!allowed || sending} empty={value.length === 0} onAnswer={send} />
      </div>
    </form>
  );
}

function Verbs(props: { prompt: PromptView; disabled: boolean; empty: boolean; onAnswer: (value: boolean) => Promise<void> }) {
  const { prompt, disabled, empty, onAnswer } = props;
  switch (prompt.kind) {
    case "tell":
      return (
        <button type="button" className="btn" disabled={disabled} onClick={() => see(prompt.id)}>
          OK
        </button>
      );
    case "confirm":
    case "approve": {
      const [yes, no] = prompt.kind === "approve" ? ["Approve", "Refuse"] : ["Yes", "No"];
      return (
        <>
          <button type="button" className="btn" disabled={disabled} onClick={() => void onAnswer(false)}>
            {no}
          </button>
          <button type="button" className="btn primary" disabled={disabled} onClick={() => void onAnswer(true)}>
            {yes}
          </button>
        </>
      );
    }
    default:
      return (
        <button type="submit" className="btn primary" disabled={disabled || empty}>
          Answer
        </button>
      );
  }
}
