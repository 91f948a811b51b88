/** The HTTP side of the server: sign-in, session, workers. Errors are problem details. */

import type { PersonView } from "../model/wire.gen";

export interface Session {
  you: PersonView;
  version: string;
  default_worker: string | null;
}

export interface WorkerInfo {
  uuid: string;
  name: string;
  state: "running" | "stopped" | "starting" | "failed";
  pid: number | null;
  bench: string;
  nodespace: string;
  simulated: boolean;
  message: string;
}

/** Whom an E-STOP from this server reaches, and whom it does not (S4). */
export interface EStopScope {
  workers: WorkerInfo[];
  others: Array<{ kind: "worker" | "program"; name: string; pid: number; bench: string }>;
}

/** A refused request, with the server's sentence. */
export class HttpProblem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly hint = "",
  ) {
    super(detail);
  }
}

async function call<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      ...(method === "POST" ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body ?? {}) } : {}),
    });
  } catch {
    throw new HttpProblem(0, "The server did not answer.", "Is funcnodes still running?");
  }
  const text = await answer.text();
  const data: unknown = text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (answer.ok) return data as T;
  const problem = (data ?? {}) as { title?: string; detail?: string; hint?: string };
  throw new HttpProblem(answer.status, problem.detail || problem.title || `The server answered ${answer.status}.`, problem.hint);
}

const at = (uuid: string) => `/api/workers/${encodeURIComponent(uuid)}`;

export const api = {
  signIn: (token: string) => call<{ you: PersonView }>("POST", "/api/sign-in", { token }),
  session: () => call<Session>("GET", "/api/session"),
  setName: (name: string) => call<unknown>("POST", "/api/session/name", { name }),
  workers: () => call<WorkerInfo[] | { workers: WorkerInfo[] }>("GET", "/api/workers").then((a) => (Array.isArray(a) ? a : a.workers)),
  newWorker: (name: string) => call<WorkerInfo>("POST", "/api/workers", { name }),
  startWorker: (uuid: string) => call<unknown>("POST", `${at(uuid)}/start`),
  stopWorker: (uuid: string) => call<unknown>("POST", `${at(uuid)}/stop`),
  estop: (uuid: string) => call<unknown>("POST", `${at(uuid)}/estop`),
  estopScope: () => call<EStopScope>("GET", "/api/estop"),
  exportUrl: (uuid: string, run: string, stream = "") => `${at(uuid)}/runs/${encodeURIComponent(run)}/export?format=csv${stream ? `&stream=${encodeURIComponent(stream)}` : ""}`,
  trafficUrl: (uuid: string, device: string) => `${at(uuid)}/traffic${device ? `?device=${encodeURIComponent(device)}` : ""}`,
};

/** The token in a pasted link or token; "" where there is none. */
export function tokenOf(text: string): string {
  const match = /#(?:.*&)?token=([^&\s]+)/.exec(text);
  return match ? decodeURIComponent(match[1] ?? "") : text.trim();
}
