/** Everything a person can do, as commands to the worker; and the page's life around the socket. */

import { applyEvents, edgeInto, fromSnapshot, isRunning } from "../model/graph";
import { endOf, entryPort, type WireEnd } from "../model/fit";
import type { Piece } from "../model/rows";
import { asked, mustShow, planKey } from "../model/safety";
import { nearest, nodesIn, scopeOf } from "../model/scope";
import type { AlarmView, Body, Event, LibraryEntry, Policy, RunView, SafetyView, Section, Shown, Snapshot, TrafficPage } from "../model/wire.gen";
import { api, HttpProblem, tokenOf } from "./api";
import { seen } from "./clock";
import { type DialogName, get, mayAct, set, toast } from "./editor";
import { Link, LinkLost, Refused } from "./link";
import { remember } from "./memory";
import { forgetRows, portValues, putRows, rowsHere } from "./streams";

let link: Link | null = null;

// ── arriving ──────────────────────────────────────────────────────────────────────────────

/** Sign in with the link's token where there is one, then open the default worker. */
export async function arrive(): Promise<void> {
  if (/[#&]token=/.test(location.hash)) {
    const token = tokenOf(location.hash);
    history.replaceState(null, "", location.pathname + location.search);
    if (await signIn(token)) return;
  }
  await resume();
}

export async function signIn(token: string): Promise<boolean> {
  set({ signInError: "" });
  try {
    await api.signIn(tokenOf(token));
  } catch (error) {
    set({ signInError: sentence(error) });
    return false;
  }
  await resume();
  return true;
}

async function resume(): Promise<void> {
  try {
    const session = await api.session();
    set({ me: session.you, version: session.version });
    await choose(session.default_worker);
  } catch (error) {
    if (error instanceof HttpProblem && error.status === 401) signedOut();
    else {
      set({ lostReason: sentence(error) });
      setTimeout(() => void resume(), 1000);
    }
  }
}

function signedOut(): void {
  link?.close();
  link = null;
  set({ phase: "signed-out", connected: false });
}

async function choose(preferred: string | null): Promise<void> {
  const wanted = new URLSearchParams(location.search).get("worker") ?? preferred;
  const workers = await api.workers().catch(() => []);
  set({ workers });
  const uuid = wanted ?? workers.find((each) => each.state === "running")?.uuid;
  if (uuid) watch(uuid);
  else set({ phase: "no-worker" });
}

export async function refreshWorkers(): Promise<void> {
  set({ workers: await api.workers().catch(() => get().workers) });
}

export async function startWorker(uuid: string): Promise<void> {
  try {
    await api.startWorker(uuid);
    watch(uuid);
  } catch (error) {
    report(error);
  }
}

/** Start the worker on show again; its snapshot comes by itself. */
export async function restartWorker(): Promise<void> {
  try {
    await api.startWorker(get().worker);
  } catch (error) {
    report(error);
  }
}

export async function newWorker(name: string): Promise<void> {
  try {
    const made = await api.newWorker(name);
    await startWorker(made.uuid);
  } catch (error) {
    report(error);
  }
}

/** Show a worker, dropping what was shown of another one. */
export function watch(uuid: string): void {
  link?.close();
  portValues.clear();
  set({ worker: uuid, graph: null, connected: false, phase: "ready", scope: "", selection: [], runs: [], previousRun: "", pressed: null, planSeen: "" });
  link = new Link(uuid, {
    welcome: (you, version) => set({ me: you, version }),
    snapshot: onSnapshot,
    events: onEvents,
    lost: (reason, gone) => set({ connected: false, lostReason: reason, gone, wireInHand: null }),
    refused: () => void checkSession(),
  });
  link.connect();
}

async function checkSession(): Promise<void> {
  try {
    await api.session();
  } catch (error) {
    if (error instanceof HttpProblem && error.status === 401) signedOut();
  }
}

export function hurry(): void {
  link?.hurry();
}

// ── what the worker says ──────────────────────────────────────────────────────────────────

let session = "";

function onSnapshot(snapshot: Snapshot): void {
  if (session !== snapshot.session) forgetRows();
  session = snapshot.session;
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

function onEvents(events: Event[]): void {
  const { graph } = get();
  if (!graph) return;
  for (const event of events) stream(event);
  const next = applyEvents(graph, events);
  if (next !== graph || !get().connected) set({ graph: next, connected: true, lostReason: "" });
  const { scope } = get();
  const open = nearest(next.nodes, scope);
  if (open !== scope) openScope(open);
  for (const event of events) follow(event, graph.run);
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
  } else if (event.type === "reset") {
    set({ scope: "", selection: [] });
  } else if (event.type === "node_gone") {
    const { selection } = get();
    if (selection.includes(event.id)) set({ selection: selection.filter((id) => id !== event.id) });
  }
}

/** After a snapshot: rows of the run on show and of the one before it. */
async function catchUp(run: RunView | null): Promise<void> {
  if (run) void fillRows(run.id);
  await listRuns();
  const state = get();
  const previous = state.runs.find(
    (each) => each.id !== run?.id && each.rows > 0 && each.nodespace === (run?.nodespace ?? each.nodespace),
  );
  if ((state.previousRun && rowsHere(state.previousRun)) || !previous || !run) return;
  await fillRows(previous.id);
  set({ previousRun: previous.id });
}

const filling = new Map<string, { again: boolean }>();
const PAGE = 20_000;

/** Fetch the rows of a run that are not here. */
async function fillRows(run: string): Promise<void> {
  const busy = filling.get(run);
  if (busy) {
    busy.again = true;
    return;
  }
  const state = { again: true };
  filling.set(run, state);
  try {
    while (state.again) {
      state.again = false;
      for (;;) {
        const piece = (await link?.send({ type: "get_rows", run, start: rowsHere(run), limit: PAGE })) as Piece | undefined;
        if (!piece || putRows(piece) !== null || (piece.data[0]?.length ?? 0) < PAGE) break;
      }
    }
  } catch (error) {
    if (error instanceof Refused) toast(`The rows of this run could not be read: ${error.problem.detail}`, error.problem.hint);
  } finally {
    filling.delete(run);
  }
}

export async function listRuns(): Promise<void> {
  try {
    set({ runs: ((await link?.send({ type: "list_runs", limit: 200 })) ?? []) as RunView[] });
  } catch (error) {
    if (error instanceof Refused) toast(error.problem.detail, error.problem.hint);
  }
}

// ── commands ──────────────────────────────────────────────────────────────────────────────

/** Send a command; a refusal becomes a toast. Returns the answer, or null where it was refused. */
export async function command(body: Body): Promise<{ result: unknown } | null> {
  try {
    if (!link) throw new LinkLost("There is no connection to the worker.");
    return { result: await link.send(body) };
  } catch (error) {
    report(error);
    return null;
  }
}

function report(error: unknown): void {
  if (error instanceof Refused) toast(error.problem.detail, error.problem.hint);
  else toast(sentence(error), error instanceof HttpProblem ? error.hint : "");
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Set an input. Returns the worker's sentence where it was refused, else "". */
export async function setValue(node: string, port: string, value: unknown): Promise<string> {
  try {
    if (!link) throw new LinkLost("There is no connection to the worker.");
    await link.send({ type: "set_value", node, port, value });
    return "";
  } catch (error) {
    report(error);
    return sentence(error);
  }
}

export interface Held {
  frame: string;
  section: Section;
}

export async function addNode(entry: LibraryEntry, x: number, y: number, wire: WireEnd | null = null, held: Held | null = null): Promise<void> {
  const place = held ? { frame: held.frame, section: held.section } : {};
  const answer = await command({ type: "add_node", key: entry.key, x, y, scope: get().scope, ...place });
  if (typeof answer?.result !== "string") return;
  remember.used(entry.key);
  set({ selection: [answer.result] });
  const end = wire && get().graph ? endOf(get().graph?.nodes[wire.node], wire) : null;
  const port = wire && end ? entryPort(entry, end, wire.side) : null;
  if (wire && port) connect(wire, { node: answer.result, port, side: wire.side === "out" ? "in" : "out" });
}

export function connect(a: WireEnd, b: WireEnd): void {
  const [from, into] = a.side === "out" ? [a, b] : [b, a];
  void command({ type: "connect", source: from.node, source_port: from.port, target: into.node, target_port: into.port });
}

export function disconnect(edge: string): void {
  void command({ type: "disconnect", edge });
}

export function disconnectInput(node: string, port: string): void {
  const { graph } = get();
  const edge = graph ? edgeInto(graph, node, port) : undefined;
  if (edge) disconnect(edge.id);
}

export function removeSelected(edges: string[]): void {
  const { selection } = get();
  if (selection.length || edges.length) void command({ type: "remove_nodes", ids: selection, edges });
}

export function moveNodes(moved: Array<{ id: string; x: number; y: number }>): Promise<unknown> {
  return command({
    type: "move_nodes",
    ids: moved.map((each) => each.id),
    x: moved.map((each) => each.x),
    y: moved.map((each) => each.y),
  });
}

let pastes = 0;

export function copySelected(): void {
  const { selection } = get();
  if (!selection.length) return;
  pastes = 0;
  set({ clipboard: selection });
}

export async function paste(): Promise<void> {
  const { clipboard, graph, scope } = get();
  const ids = clipboard.filter((id) => graph?.nodes[id]);
  if (ids.some((id) => scopeOf(id) !== scope)) {
    toast("The copied nodes are in another subgraph.", "Paste them there, or save them as a subgraph.", "info");
    return;
  }
  if (clipboard.length && !ids.length) toast("The copied nodes are gone, so there is nothing to paste.", "", "info");
  if (ids.length) await duplicate(ids, ++pastes);
}

export async function duplicate(ids: string[], step = 1): Promise<void> {
  if (!ids.length) return;
  const answer = await command({ type: "duplicate", ids, dx: 32 * step, dy: 32 * step });
  if (Array.isArray(answer?.result)) set({ selection: answer.result as string[] });
}

export function pin(node: string, port: string): void {
  const view = get().graph?.nodes[node];
  const found = view && [...view.inputs, ...view.outputs].find((each) => each.id === port);
  if (found) void command({ type: "set_port", node, port, pinned: !found.pinned });
}

// ── frames and subgraphs ──────────────────────────────────────────────────────────────────

/** Show what is inside a subgraph, or the nodespace itself for "". */
export function openScope(scope: string): void {
  const { scope: before } = get();
  if (scope === before) return;
  // Coming back, the subgraph one comes from is selected, so that one sees where one is.
  const back = before.startsWith(scope === "" ? "" : `${scope}/`) ? step(before, scope) : "";
  set({ scope, selection: back && get().graph?.nodes[back] ? [back] : [], palette: null, wireInHand: null, drag: null });
}

/** The subgraph right in `scope` that leads to `inner`. */
function step(inner: string, scope: string): string {
  const above = scopeOf(inner);
  return above === scope ? inner : step(above, scope);
}

export function leaveScope(): void {
  const { scope } = get();
  if (scope !== "") openScope(scopeOf(scope));
}

export async function makeSubgraph(): Promise<void> {
  const { selection, graph, scope } = get();
  const nodes = nodesIn(graph?.nodes ?? {}, scope);
  const ids = selection.filter((id) => nodes[id] && !isGate(id));
  if (!ids.length) {
    toast("Select the nodes that are to become a subgraph first.", "", "info");
    return;
  }
  const answer = await command({ type: "make_subgraph", ids });
  if (typeof answer?.result === "string") set({ selection: [answer.result] });
}

/** Whether a node is a port of the subgraph that is open. */
export function isGate(id: string): boolean {
  const kind = get().graph?.nodes[id]?.node_id;
  return kind === "subgraph.input" || kind === "subgraph.output";
}

export async function dissolve(id: string): Promise<void> {
  const answer = await command({ type: "dissolve", id });
  if (Array.isArray(answer?.result)) set({ selection: answer.result as string[] });
}

export async function saveSubgraph(id: string, name: string, replace: boolean): Promise<void> {
  const answer = await command({ type: "save_subgraph", id, name, replace });
  if (answer) toast(`Saved as “${String(answer.result)}”. The shelf Subgraphs lists it.`, "", "info");
}

export function putIn(ids: string[], held: Held | null, places: Array<{ x: number; y: number }> = []): Promise<unknown> {
  const { x, y } = { x: places.map((place) => place.x), y: places.map((place) => place.y) };
  return command({ type: "put_in", ids, frame: held?.frame ?? "", section: held?.section ?? "body", x, y });
}

/** What the body of a card shows; null where it cannot be had, which is no reason for a message. */
export async function bodyOf(id: string): Promise<Shown | null> {
  try {
    return link ? ((await link.send({ type: "get_body", id })) as Shown) : null;
  } catch {
    return null;
  }
}

export const updateSubgraph = (id: string) => void command({ type: "update_subgraph", id });
export const promote = (node: string, port: string) => void command({ type: "promote", node, port });
export const demote = (node: string, port: string) => void command({ type: "demote", node, port });

export const undo = () => void command({ type: "undo" });
export const redo = () => void command({ type: "redo" });
export const retry = (id: string) => void command({ type: "trigger", id });
export const setPolicy = (id: string, policy: Policy) => void command({ type: "set_policy", id, policy });
export const rename = (id: string, name: string) => void command({ type: "rename", id, name });
export const setPlot = (id: string, x: string, y: string[]) => void command({ type: "set_plot", id, x, y });
export const connectDevice = (name: string) => void command({ type: "device_connect", name });
export const disconnectDevice = (name: string) => void command({ type: "device_disconnect", name });
export const takeControls = () => void command({ type: "take_controls" });

// ── runs ──────────────────────────────────────────────────────────────────────────────────

/** Run, or go on. Where a real bench is about to be armed its plan is shown first (S1). */
export function run(): void {
  const { graph, planSeen } = get();
  if (!mayAct(get()) || !graph?.space || graph.latch.latched) return;
  if (graph.run?.state === "paused") void command({ type: "run_resume" });
  else if (isRunning(graph.run)) return;
  else if (mustShow(graph.safety, planSeen)) openDialog("arm-run");
  else startRun(graph.safety);
}

function startRun(safety: SafetyView): void {
  remember.ran();
  void command({ type: "run_start", accepted: asked(safety) });
}

/** Switch effects outside runs on or off; on only once the plan was seen. */
export function setLive(live: boolean): void {
  const { graph, planSeen } = get();
  if (live && graph && mustShow(graph.safety, planSeen)) openDialog("arm-live");
  else void command({ type: "set_live", live, accepted: live && graph ? asked(graph.safety) : [] });
}

/** Go on with what was about to be armed: this plan was seen, and its warnings accepted. */
export function arm(what: "arm-run" | "arm-live", safety: SafetyView): void {
  set({ planSeen: planKey(safety), dialog: null });
  if (what === "arm-run") run();
  else setLive(true);
}

export function pause(): void {
  if (get().graph?.run?.state === "running") void command({ type: "run_pause" });
}

export function stop(): void {
  const run = get().graph?.run ?? null;
  if (isRunning(run)) void command({ type: run?.state === "stopping" ? "run_abort" : "run_stop" });
}

// ── what the bench watches by itself ──────────────────────────────────────────────────────

/** Somebody has seen an alarm, as grave as it is shown here. */
export async function acknowledge({ name, unacknowledged }: AlarmView): Promise<void> {
  const answer = await command({ type: "alarm_acknowledge", name, severity: unacknowledged });
  if (answer?.result === false) toast(`${name} was not acknowledged: it has become graver meanwhile.`, "", "info");
}

export const shelve = (name: string, seconds: number) => void command({ type: "alarm_shelve", name, seconds });
export const resetInterlock = (name: string) => void command({ type: "interlock_reset", name });

/** What went over the wires since; null where it cannot be had just now. */
export async function trafficSince(since: Record<string, number>): Promise<TrafficPage | null> {
  try {
    return link ? ((await link.send({ type: "get_traffic", since })) as TrafficPage) : null;
  } catch {
    return null;
  }
}

// ── E-STOP ────────────────────────────────────────────────────────────────────────────────

/** Press E-STOP: on the live socket and by POST at once; either may win. */
export function estop(): void {
  const { worker } = get();
  const at = Date.now() / 1000;
  set({ pressed: { at, state: "sending", detail: "" } });
  const ways: Array<Promise<unknown>> = [];
  if (link) ways.push(link.send({ type: "estop" }));
  if (worker) ways.push(api.estop(worker));
  Promise.any(ways).then(
    () => settlePress(at, "sent", ""),
    (error: unknown) => {
      const causes = error instanceof AggregateError ? error.errors.map(sentence) : [sentence(error)];
      settlePress(at, "unreachable", causes.at(-1) ?? "");
    },
  );
}

function settlePress(at: number, state: "sent" | "unreachable", detail: string): void {
  const { pressed, graph } = get();
  if (pressed?.at !== at) return;
  const latched = graph?.latch.latched === true;
  if (latched && state === "unreachable") toast(`This press of E-STOP could not reach the worker. ${detail}`, "Switch the outputs off by hand.");
  set({ pressed: latched ? null : { at, state, detail } });
}

export async function resetEstop(confirmed: string[]): Promise<boolean> {
  return (await command({ type: "estop_reset", confirmed })) !== null;
}

// ── nodespaces and pages ──────────────────────────────────────────────────────────────────

export async function openExample(name: string): Promise<void> {
  if (await command({ type: "open_example", name })) go("editor");
}

export async function openSpace(name: string): Promise<void> {
  if (await command({ type: "open_space", name })) go("editor");
}

export async function newSpace(name: string): Promise<void> {
  if (await command({ type: "new_space", name })) go("editor");
}

export async function renameSpace(name: string): Promise<void> {
  await command({ type: "rename_space", name });
}

export async function setMyName(name: string): Promise<void> {
  try {
    await api.setName(name);
    const { me } = get();
    if (me) set({ me: { ...me, name } });
  } catch (error) {
    report(error);
  }
}

export function go(route: "editor" | "start"): void {
  if (get().route === route) return;
  history.pushState(null, "", (route === "start" ? "/start" : "/") + location.search);
  set({ route });
}

export function openDialog(dialog: DialogName | null): void {
  set({ dialog });
}

export function selectOnly(id: string): void {
  set({ selection: [id] });
}
