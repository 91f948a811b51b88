/** The page's life around the socket: signing in, choosing a worker, starting one. */

import { api, HttpProblem, tokenOf } from "./api";
import { live, report, sentence, talkTo } from "./commands";
import { get, set } from "./editor";
import { onEvents, onLost, onSnapshot, takeIn } from "./following";
import { Link } from "./link";
import { portValues } from "./streams";

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
  talkTo(null);
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
  talkTo(null);
  portValues.clear();
  set({ worker: uuid, graph: null, connected: false, phase: "ready", scope: "", selection: [], runs: [], previousRun: "", pressed: null, planSeen: "" });
  const link = new Link(uuid, {
    welcome: (you, version) => set({ me: you, version }),
    snapshot: onSnapshot,
    events: onEvents,
    answer: takeIn,
    lost: onLost,
    refused: () => void checkSession(),
  });
  talkTo(link);
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
  live()?.hurry();
}
