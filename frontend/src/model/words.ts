/** Words and marks for states: one place, so that the page never calls one thing two names. */

import type { DeviceState, DeviceView, EntryState, NodeState, NodeView, Quality, RunState, StopAck } from "./wire.gen";

export interface Mark {
  word: string;
  icon: string;
  /** Class of lamp and chip. */
  tone: string;
}

const DEVICE: Record<DeviceState, Mark> = {
  offline: { word: "Offline", icon: "ring", tone: "offline" },
  idle: { word: "Idle", icon: "check", tone: "idle" },
  busy: { word: "Busy", icon: "turn", tone: "busy" },
  fault: { word: "Fault", icon: "x", tone: "fault" },
  stopped: { word: "Safe-stopped", icon: "square", tone: "safe" },
  unanswered: { word: "No answer", icon: "x", tone: "unanswered" },
};
export const OUTPUT_ON: Mark = { word: "Output ON", icon: "bolt", tone: "on" };

export function deviceMark(device: DeviceView): Mark {
  return DEVICE[device.state];
}

/** In compact views Output ON wins. */
export function compactMark(device: DeviceView): Mark {
  return device.output_on && device.state !== "unanswered" ? OUTPUT_ON : DEVICE[device.state];
}

const NODE: Record<NodeState, Mark> = {
  idle: { word: "idle", icon: "ring", tone: "offline" },
  queued: { word: "queued", icon: "clock", tone: "offline" },
  running: { word: "running", icon: "turn", tone: "running" },
  done: { word: "done", icon: "check", tone: "done" },
  error: { word: "error", icon: "x", tone: "error" },
};

const STOPPED: Mark = { word: "stopped", icon: "square", tone: "offline" };

/** Whether the node was stopped from outside, by E-STOP, abort or Stop: no error of its own. */
export function isStopped(node: Pick<NodeView, "state" | "problem">): boolean {
  return node.state === "error" && node.problem?.title === "NodeCancelled";
}

/** Whether the node failed by itself the last time. What is queued or runs again has not failed yet. */
export function isFaulty(node: Pick<NodeView, "state" | "problem">): boolean {
  return node.state === "error" && node.problem !== null && !isStopped(node);
}

/** The lamp of a node. `latched`: an E-STOP holds, and what still runs comes to its end. */
export function nodeMark(node: Pick<NodeView, "state" | "problem" | "muted" | "missing">, latched = false): Mark {
  if (node.muted) return { word: "muted", icon: "eyeoff", tone: "offline" };
  if (node.missing) return { word: "missing", icon: "lock", tone: "offline" };
  if (isStopped(node) || (latched && node.state === "running")) return STOPPED;
  return NODE[node.state];
}

export const RUN: Record<RunState, Mark> = {
  running: { word: "Running", icon: "turn", tone: "running" },
  paused: { word: "Paused", icon: "pause", tone: "offline" },
  stopping: { word: "Stopping", icon: "turn", tone: "running" },
  complete: { word: "Done", icon: "check", tone: "done" },
  stopped: { word: "Stopped", icon: "stop", tone: "offline" },
  aborted: { word: "Aborted", icon: "octagon", tone: "fault" },
  failed: { word: "Failed", icon: "x", tone: "fault" },
  interrupted: { word: "Interrupted", icon: "alert", tone: "fault" },
};

export const ENTRY: Record<EntryState, Mark> = {
  waiting: { word: "To approve", icon: "eye", tone: "offline" },
  queued: { word: "Queued", icon: "clock", tone: "offline" },
  running: RUN.running,
  done: RUN.complete,
  failed: RUN.failed,
  cancelled: { word: "Cancelled", icon: "stop", tone: "offline" },
  refused: { word: "Refused", icon: "x", tone: "fault" },
  interrupted: RUN.interrupted,
};

export const QUALITY: Record<Quality, string> = {
  ok: "",
  compliance: "in compliance",
  overrange: "over range",
  timeout: "timed out",
  missing: "missing",
  stale: "stale",
  changed: "settings lost",
};

/** A kind of error as people read it: "DeviceTimeout" is "Device timeout". */
export function errorTitle(title: string): string {
  const words = title.replace(/Error$/, "").replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return words || "Error";
}

/** What became of a device at an E-STOP, as time and sentence. */
export function ackWords(ack: StopAck): { time: string; sentence: string; mark: Mark; bad: boolean } {
  const ms = ack.ms === null ? "" : `${ack.ms < 10 ? ack.ms.toFixed(1) : String(Math.round(ack.ms))} ms`;
  switch (ack.state) {
    case "off":
      return { time: ms, sentence: ack.message || "Read back off.", mark: DEVICE.stopped, bad: false };
    case "sent":
      return { time: ms, sentence: ack.message || "Sent, not confirmed.", mark: DEVICE.stopped, bad: false };
    case "held":
      return { time: ms, sentence: ack.message || "Held as the bench asks.", mark: { ...DEVICE.stopped, word: "Held" }, bad: false };
    case "pending":
      return { time: "waiting", sentence: ack.message || "No acknowledgement yet.", mark: { word: "Waiting", icon: "turn", tone: "busy" }, bad: false };
    case "unanswered":
      return {
        time: ms ? `no answer, ${ms}` : "no answer",
        sentence: `Switch it off by hand.${ack.message ? ` ${ack.message}` : ""}`,
        mark: { word: "No answer", icon: "x", tone: "fault" },
        bad: true,
      };
  }
}
