/** The page's state: who is here, what the worker shows, what is selected and open.
 *
 *  Streaming values and rows are in `streams`; what talks to the worker goes through
 *  `commands`.
 */

import { create } from "zustand";
import type { WireEnd } from "../model/fit";
import type { FrameBox, SectionBox } from "../model/frames";
import type { Graph } from "../model/graph";
import { nodesIn } from "../model/scope";
import type { ContinueView, PersonView, Problem, RunView } from "../model/wire.gen";
import type { WorkerInfo } from "./api";

export type Phase = "loading" | "signed-out" | "no-worker" | "ready";
export type LeftTab = "nodes" | "bench";
export type DockTab = "data" | "queue" | "log" | "traffic";
/** What is seen where there is room for one panel only. */
export type Panel = "canvas" | "left" | "inspector" | "dock";
export type DialogName = "help" | "reset" | "new" | "rename" | "name" | "connect" | "save-subgraph" | "safety" | "arm-run" | "arm-live" | "arm-queue" | "leave-live" | "map" | "dry-run" | "verdicts" | "continue";

/** Where an add-node palette opens, in the window and on the canvas, and the wire it continues. */
export interface PaletteAt {
  x: number;
  y: number;
  canvas: { x: number; y: number };
  wire: WireEnd | null;
}

export interface Toast {
  id: number;
  text: string;
  hint: string;
  tone: "error" | "info";
}

/** Nodes in the hand, and what would hold them if they were let go: frames as they were before. */
export interface Drag {
  ids: readonly string[];
  boxes: readonly FrameBox[];
  slots: readonly SectionBox[];
  target: SectionBox | null;
}

/** An E-STOP that was pressed here, until the worker's own record of it arrives. */
export interface Pressed {
  at: number;
  state: "sending" | "sent" | "unreachable";
  detail: string;
}

export interface EditorState {
  phase: Phase;
  me: PersonView | null;
  version: string;
  signInError: string;
  workers: WorkerInfo[];
  worker: string;
  connected: boolean;
  lostReason: string;
  /** It is the worker that is out of reach, not the server. */
  gone: boolean;
  graph: Graph | null;
  route: "editor" | "start";
  /** Name of the subgraph that is open, "" for the nodespace itself. */
  scope: string;
  selection: string[];
  drag: Drag | null;
  wireInHand: WireEnd | null;
  palette: PaletteAt | null;
  dialog: DialogName | null;
  /** The run whose map is open, with the dialog "map". */
  mapRun: string;
  problem: Problem | null;
  leftTab: LeftTab;
  dockTab: DockTab;
  dockOpen: boolean;
  panel: Panel;
  toasts: Toast[];
  pressed: Pressed | null;
  runs: RunView[];
  continuing: ContinueView | null;
  /** The finished run that a plot draws dashed, behind the current one. */
  previousRun: string;
  clipboard: string[];
  /** The safety plan that this person has seen and accepted here; see `planKey`. */
  planSeen: string;
}

export const useEditor = create<EditorState>()(() => ({
  phase: "loading",
  me: null,
  version: "",
  signInError: "",
  workers: [],
  worker: "",
  connected: false,
  lostReason: "",
  gone: false,
  graph: null,
  route: location.pathname.startsWith("/start") ? "start" : "editor",
  scope: "",
  selection: [],
  drag: null,
  wireInHand: null,
  palette: null,
  dialog: null,
  mapRun: "",
  problem: null,
  leftTab: "nodes",
  dockTab: "data",
  dockOpen: true,
  panel: "canvas",
  toasts: [],
  pressed: null,
  runs: [],
  continuing: null,
  previousRun: "",
  clipboard: [],
  planSeen: "",
}));

export const get = useEditor.getState;
export const set = useEditor.setState;

let toastId = 0;
const TOAST_MS = 8000;

export function toast(text: string, hint = "", tone: Toast["tone"] = "error"): void {
  const known = get().toasts.find((each) => each.text === text);
  if (known) return;
  const id = ++toastId;
  set({ toasts: [...get().toasts.slice(-3), { id, text, hint, tone }] });
  setTimeout(() => dismiss(id), TOAST_MS);
}

export function dismiss(id: number): void {
  set({ toasts: get().toasts.filter((each) => each.id !== id) });
}

/** Whether this person may act on the worker now. */
export function mayAct(state: EditorState): boolean {
  return state.connected && state.me?.role !== "viewer";
}

/** Whether structure and inputs are locked by a run (A2). */
export function isLocked(state: EditorState): boolean {
  return state.graph?.space?.arming === "running";
}

export function isLatched(state: EditorState): boolean {
  return state.graph?.latch.latched === true || state.pressed !== null;
}

export function go(route: "editor" | "start"): void {
  if (get().route === route) return;
  history.pushState(null, "", (route === "start" ? "/start" : "/") + location.search);
  set({ route });
}

export function openDialog(dialog: DialogName | null): void {
  set({ dialog });
}

/** All that is open on the canvas. */
export function selectAll(): void {
  const { graph, scope } = get();
  set({ selection: Object.keys(nodesIn(graph?.nodes ?? {}, scope)) });
}

export function selectOnly(id: string): void {
  set({ selection: [id] });
}
