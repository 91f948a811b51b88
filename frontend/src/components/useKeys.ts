import { useEffect } from "react";
import { get, isLocked, mayAct, openDialog, selectAll, set, toast } from "../store/editor";
import { copySelected, duplicate, paste, pin, redo, removeSelected, undo } from "../store/edits";
import { estop } from "../store/estop";
import { leaveScope, makeSubgraph, openScope } from "../store/nesting";
import { run, stop } from "../store/runs";
import { canvas } from "./canvas/canvasApi";

/** Every key of the page. E-STOP comes first and acts inside dialogs and fields too. */
export function useKeys(): void {
  useEffect(() => {
    addEventListener("keydown", onKey, true);
    return () => removeEventListener("keydown", onKey, true);
  }, []);
}

function onKey(event: KeyboardEvent): void {
  const act = stopping(event) ?? (get().dialog || get().problem ? null : (running(event) ?? (isTyping(event.target) ? undoing(event) : editing(event))));
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat || act === undo || act === redo || event.key in ARROWS) act();
}

function stopping(event: KeyboardEvent): (() => void) | null {
  const dot = event.ctrlKey && (event.key === "." || event.code === "Period");
  return dot || event.key === "Pause" || event.key === "Cancel" ? estop : null;
}

function running(event: KeyboardEvent): (() => void) | null {
  if (event.key !== "Enter" || !event.ctrlKey || get().route !== "editor") return null;
  if (event.altKey) return () => void stop();
  return () => {
    // A value being typed counts: leaving the field sends it before the run starts.
    if (isTyping(document.activeElement)) (document.activeElement as HTMLElement).blur();
    run();
  };
}

function editing(event: KeyboardEvent): (() => void) | null {
  if (get().route !== "editor" || !get().graph?.space || get().palette) return null;
  if (event.key === "?") return () => openDialog("help");
  const may = mayAct(get()) && !isLocked(get());
  if (event.ctrlKey || event.metaKey) return may || event.key === "c" ? withControl(event) : null;
  if (event.altKey) return event.key === "ArrowUp" && get().scope !== "" ? leaveScope : null;
  if (event.key === "Enter" && onCard(event.target)) return opening();
  if (event.key === "/") return () => focusSearch();
  if (event.key === "Delete" || event.key === "Backspace") return may ? () => removeSelected(canvas()?.selectedEdges() ?? []) : null;
  if (!onCanvas(event.target)) return null;
  return event.key in ARROWS ? nudging(event, may) : letter(event.key.toLowerCase(), may);
}

const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 5;
const LARGE_STEP = 20;

/** Arrows move all that is selected, whichever card has the focus. */
function nudging(event: KeyboardEvent, may: boolean): (() => void) | null {
  const [dx, dy] = ARROWS[event.key] ?? [0, 0];
  const step = event.shiftKey ? LARGE_STEP : STEP;
  return may && get().selection.length ? () => canvas()?.nudge(dx * step, dy * step) : null;
}

/** In a field that has not been touched, undo is the graph's. */
function undoing(event: KeyboardEvent): (() => void) | null {
  const untouched = event.target instanceof HTMLElement && event.target.dataset.dirty === "false";
  return untouched && event.ctrlKey && ["z", "y"].includes(event.key.toLowerCase()) ? editing(event) : null;
}

function withControl(event: KeyboardEvent): (() => void) | null {
  switch (event.key.toLowerCase()) {
    case "z":
      return event.shiftKey ? redo : undo;
    case "y":
      return redo;
    case "c":
      return get().selection.length && !getSelection()?.toString() ? copySelected : null;
    case "v":
      return () => void paste();
    case "d":
      return () => void duplicate(get().selection);
    case "a":
      return onCanvas(event.target) ? selectAll : null;
    case "k":
      return openPalette;
    case "g":
      return event.shiftKey ? () => void makeSubgraph() : null;
    default:
      return null;
  }
}

/** Enter on the card of a subgraph opens it. */
function opening(): (() => void) | null {
  const { selection, graph } = get();
  const id = selection.length === 1 ? (selection[0] ?? "") : "";
  return graph?.nodes[id]?.subgraph ? () => openScope(id) : null;
}

function letter(key: string, may: boolean): (() => void) | null {
  switch (key) {
    case "f":
      return () => canvas()?.fit();
    case "l":
      return may ? () => canvas()?.tidy() : null;
    case "q":
      return focusQuestion;
    case "p":
      return pinHere;
    case "c":
      return may && get().selection.length ? connectSelected : null;
    default:
      return null;
  }
}

function connectSelected(): void {
  if (get().selection.length === 1) openDialog("connect");
  else toast("Select one node to connect it.", "C connects a single node; a click selects one.", "info");
}

function openPalette(): void {
  const api = canvas();
  if (!api) return;
  set({ palette: { ...pointerOr(api.window()), canvas: api.toCanvas(pointerOr(api.window())), wire: null } });
}

let pointer: { x: number; y: number } | null = null;
addEventListener("pointermove", (event) => {
  pointer = (event.target as Element | null)?.closest?.(".canvas") ? { x: event.clientX, y: event.clientY } : null;
});

function pointerOr(other: { x: number; y: number }): { x: number; y: number } {
  return pointer ?? other;
}

/** The port that has the focus, or else the one under the pointer. */
function pinHere(): void {
  const row = document.activeElement?.closest<HTMLElement>(".port[data-port]") ?? document.querySelector<HTMLElement>(".port[data-port]:hover");
  const { node, port } = row?.dataset ?? {};
  if (node && port && port !== "+") pin(node, port);
}

function focusSearch(): void {
  set({ leftTab: "nodes" });
  requestAnimationFrame(() => document.getElementById("palette-search")?.focus());
}

/** The oldest question that waits. */
function focusQuestion(): void {
  document.querySelector<HTMLElement>(".prompt :is(input, textarea, select, button):not([disabled])")?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input:not([type=checkbox]), textarea, select") || target.isContentEditable);
}

/** Not a button or a field on it: Enter is theirs. */
function onCard(target: EventTarget | null): boolean {
  return onCanvas(target) && !(target instanceof Element && target.closest("button, a, input, select, textarea"));
}

function onCanvas(target: EventTarget | null): boolean {
  return target === document.body || (target instanceof Element && target.closest(".canvas") !== null);
}
