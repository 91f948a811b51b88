/** What the worker says, taken in: state into the store, values and rows past it. */

import { applyEvents, fromSnapshot, isRunning } from "../model/graph";
import { takenOver } from "../model/people";
import { nearest } from "../model/scope";
import type { Event, PersonView, RunView, Snapshot } from "../model/wire.gen";
import { seen, setClock } from "./clock";
import { get, set, toast } from "./editor";
import { openScope } from "./nesting";
import { pace } from "./pace";
import { catchUp, fillRows, listRuns } from "./recorded";
import { forgetRows, portValues, putRows, rowsHere } from "./streams";

let session = "";

export function onSnapshot(snapshot: Snapshot): void {
  takeIn();
  if (session !== snapshot.session) forgetRows();
  session = snapshot.session;
  setClock(snapshot.now);
  portValues.clear();
  for (const node of snapshot.nodes) portValues.putNode(node);
  const before = get();
  const graph = fromSnapshot(snapshot);
  set({
    graph,
    scope: nearest(graph.nodes, before.scope),
    connected: true,
    lostReason: "",
    selection: before.selection.filter((id) => snapshot.nodes.some((node) => node.id === id)),
    pressed: snapshot.latch.latched || before.pressed?.state === "unreachable" ? null : before.pressed,
  });
  void catchUp(snapshot.run);
}

let waiting: Event[] = [];

/** Take in events at the page's pace; what was said of E-STOP at once, with all that came before. */
export function onEvents(events: Event[]): void {
  waiting = waiting.concat(events);
  if (events.some((event) => event.type === "latch")) takeIn();
  else pace.soon(takeIn);
}

/** Take in what has come so far. */
export function takeIn(): void {
  const events = waiting;
  waiting = [];
  const { graph } = get();
  if (!graph || !events.length) return;
  for (const event of events) stream(event);
  const next = applyEvents(graph, events);
  if (next !== graph || !get().connected) set({ graph: next, connected: true, lostReason: "" });
  const { scope } = get();
  const open = nearest(next.nodes, scope);
  if (open !== scope) openScope(open);
  for (const event of events) follow(event, graph.run);
  tellOfTakingOver(graph.people, next.people);
}

/** Who acts on the bench now is told to all, whoever has the menu open. */
function tellOfTakingOver(before: PersonView[], after: PersonView[]): void {
  const words = takenOver(before, after, get().me?.id ?? "");
  if (words) toast(words, "", "info");
}

/** Nothing shown is live any more, once the last words are taken in. */
export function onLost(reason: string, gone: boolean): void {
  takeIn();
  set({ connected: false, lostReason: reason, gone, wireInHand: null });
}

/** What goes past the store. */
function stream(event: Event): void {
  switch (event.type) {
    case "values":
      for (const value of event.values) {
        seen(value[4]);
        portValues.put(value);
      }
      return;
    case "rows":
      if (putRows(event) !== null) void fillRows(event.run);
      return;
    case "node":
      portValues.putNode(event.node);
      return;
    case "reset":
      portValues.clear();
      event.nodes.forEach((node) => portValues.putNode(node));
      return;
    default:
      return;
  }
}

/** What an event asks of the page besides being shown. */
function follow(event: Event, before: RunView | null): void {
  if (event.type === "run" && event.run) {
    if (before && before.id !== event.run.id && before.rows > 0) set({ previousRun: before.id });
    if (!isRunning(event.run)) {
      if (event.run.rows > rowsHere(event.run.id)) void fillRows(event.run.id);
      if (before?.state !== event.run.state) void listRuns();
    } else if (before?.id !== event.run.id) void listRuns();
  } else if (event.type === "latch") {
    set({ pressed: null });
  } else if (event.type === "log") {
    // What becomes of things set by hand concerns everybody who watches.
    for (const { source, level, text } of event.lines) if (source === "live" && level === "warning") toast(text, "", "info");
  } else if (event.type === "reset") {
    set({ scope: "", selection: [] });
  } else if (event.type === "node_gone") {
    const { selection } = get();
    if (selection.includes(event.id)) set({ selection: selection.filter((id) => id !== event.id) });
  }
}
