import { clockTime } from "../../model/format";
import { heldBy, stopCause } from "../../model/safety";
import { ackWords } from "../../model/words";
import type { LatchView, StopAck } from "../../model/wire.gen";
import { mayAct, openDialog, type Pressed, set, useEditor } from "../../store/editor";
import { resetEstop } from "../../store/estop";
import { Icon } from "../parts/Icon";
import { Lamp } from "../parts/Lamp";

/** What became of each device at an E-STOP. Stays until Reset. */
export function EStopRecord() {
  const latch = useEditor((state) => state.graph?.latch);
  const pressed = useEditor((state) => state.pressed);
  const me = useEditor((state) => state.me);
  const watch = useEditor((state) => state.graph?.watch);
  const active = useEditor(mayAct);
  if (pressed && !latch?.latched) return <Waiting pressed={pressed} />;
  if (!latch?.latched) return null;
  const held = watch ? heldBy(watch) : "";
  const said = `${headline(latch, me)} ${held || "Outputs stay off until Reset."}`;
  const reset = () => (unconfirmed(latch).length ? openDialog("reset") : void resetEstop([]));
  return (
    <section className="latched" role="alert" aria-label="E-STOP record" data-testid="estop-record">
      <div className="strip">
        <Icon name="octagon" />
        <span className="said" title={said}>{said}</span>
        <span className="grow" />
        <small>A software stop, not a safety device.</small>
        <button type="button" className="btn sm" onClick={() => save(latch)}>
          <Icon name="download" small />
          Save record
        </button>
        <button type="button" className="btn sm" data-testid="estop-reset" disabled={!active} title={held} onClick={reset}>
          Reset
        </button>
      </div>
      {latch.acks.length > 0 && (
        <div className="acks">
          {latch.acks.map((ack) => (
            <Ack key={ack.device} ack={ack} />
          ))}
        </div>
      )}
    </section>
  );
}

function Ack({ ack }: { ack: StopAck }) {
  const { time, sentence, mark, bad } = ackWords(ack);
  return (
    <div className={`ack ${bad ? "bad" : ""}`} data-testid="ack" data-device={ack.device} data-state={ack.state} data-ms={ack.ms ?? ""}>
      <Lamp mark={mark} />
      <b>{ack.device}</b>
      <span className="ms">{time}</span>
      <p>{sentence}</p>
    </div>
  );
}

function Waiting({ pressed }: { pressed: Pressed }) {
  const shown = useEditor((state) => state.graph !== null);
  const lost = pressed.state === "unreachable";
  const alone = pressed.state === "sent" && !shown;
  // Until the devices answer it lies over the page: nothing moves, so that little has to be drawn anew.
  return (
    <section className={lost || alone ? "latched" : "latched pressed"} role="alert" aria-label="E-STOP record" data-testid="estop-record">
      <div className="strip">
        <Icon name="octagon" />
        <span className="told">
          E-STOP pressed {clockTime(pressed.at, true)} by you.{" "}
          {lost ? `It could not reach the worker. Switch the outputs off by hand. ${pressed.detail}` : alone ? "Every worker that runs was told." : "Waiting for the devices."}
        </span>
        <span className="grow" />
        <small>A software stop, not a safety device.</small>
        {(lost || alone) && (
          <button type="button" className="btn sm" onClick={() => set({ pressed: null })}>
            Close
          </button>
        )}
      </div>
    </section>
  );
}

function headline(latch: LatchView, me: { id: string; name: string } | null): string {
  const at = latch.t === null ? "" : ` ${clockTime(latch.t, true)}`;
  const cause = stopCause(latch);
  if (cause) return `${cause.who}${at}: ${cause.why}.`;
  const by = latch.by && (latch.by === me?.id || latch.by === me?.name) ? "you" : latch.by;
  if (by) return `E-STOP pressed${at} by ${by}.`;
  const why = latch.cause && latch.cause !== "estop" ? `: ${latch.cause.replace(/\.$/, "")}` : "";
  return `E-STOP${at}${why}.`;
}

/** Devices that have to be confirmed by name before a reset. */
export function unconfirmed(latch: LatchView): StopAck[] {
  return latch.acks.filter((ack) => ack.state !== "off" && ack.state !== "held");
}

function save(latch: LatchView): void {
  const text = JSON.stringify(latch, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `estop-${latch.t === null ? "record" : new Date(latch.t * 1000).toISOString().replaceAll(":", "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
