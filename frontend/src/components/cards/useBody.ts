import { useEffect, useState } from "react";
import type { NodeView, Shown } from "../../model/wire.gen";
import { bodyOf } from "../../store/questions";
import { portValues } from "../../store/streams";

const EVERY_MS = 200;

/** What a card's body shows, asked for anew when the value behind it changes, five times a second at most. */
export function useBody(node: NodeView): Shown | null {
  const [shown, setShown] = useState<Shown | null>(null);
  const { id } = node;
  const port = [...node.outputs, ...node.inputs].find((each) => each.kind !== "trigger")?.id ?? "";
  useEffect(() => {
    let [timer, asking, again, gone]: [ReturnType<typeof setTimeout> | null, boolean, boolean, boolean] = [null, false, false, false];
    const ask = async () => {
      asking = true;
      const answer = await bodyOf(id);
      asking = false;
      if (gone) return;
      if (answer) setShown(answer);
      if (again) later();
    };
    const later = () => {
      again = asking;
      if (asking || timer !== null) return;
      timer = setTimeout(() => {
        timer = null;
        void ask();
      }, EVERY_MS);
    };
    void ask();
    const stop = portValues.subscribe(id, port, later);
    return () => {
      gone = true;
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [id, port]);
  return shown;
}
