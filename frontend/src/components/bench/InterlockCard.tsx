import { clockTime } from "../../model/format";
import { interlockMark, interlockWords, isResettable } from "../../model/safety";
import type { InterlockView } from "../../model/wire.gen";
import { resetInterlock } from "../../store/bench";
import { mayAct, useEditor } from "../../store/editor";
import { Chip } from "../parts/Lamp";
import { Said } from "../parts/Said";

/** One interlock: its condition in words, how it stands, and Reset where it waits for that. */
export function InterlockCard({ interlock }: { interlock: InterlockView }) {
  const allowed = useEditor(mayAct);
  return (
    <section className={`watchcard ${interlock.tripped ? "active" : ""}`} aria-label={`Interlock ${interlock.name}`} data-testid="interlock" data-interlock={interlock.name} data-tripped={interlock.tripped}>
      <div className="top">
        <b>{interlock.name}</b>
        <span className="grow" />
        <Chip mark={interlockMark(interlock)} />
      </div>
      <p className="devmsg">{interlockWords(interlock)}</p>
      {interlock.why && (
        <p className="devmsg why">
          {interlock.tripped && interlock.t !== null && `${clockTime(interlock.t)}: `}
          <Said text={interlock.why} />.{interlock.holds && interlock.tripped && " It still holds."}
        </p>
      )}
      {isResettable(interlock) && (
        <div className="acts">
          <button type="button" className="btn sm" disabled={!allowed} aria-label={`Reset ${interlock.name}`} title={interlock.holds ? "Its condition still holds" : ""} onClick={() => resetInterlock(interlock.name)}>
            Reset
          </button>
        </div>
      )}
      {interlock.tripped && interlock.then !== "refuse" && <p className="devmsg">It is released with the E-STOP.</p>}
    </section>
  );
}
