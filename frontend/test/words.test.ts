import { describe, expect, it } from "vitest";
import { isFaulty, isStopped, nodeMark } from "../src/model/words";
import type { Problem } from "../src/model/wire.gen";
import { node } from "./samples";

function problem(title: string): Problem {
  return { title, detail: "Sweep was cancelled: Stopped by Ada (E-STOP).", hint: "", context: {} };
}

describe("the lamp of a node", () => {
  it("is a square, not a red cross, when somebody stopped the node", () => {
    const stopped = node("n", { state: "error", problem: problem("NodeCancelled") });
    expect(isStopped(stopped)).toBe(true);
    expect(nodeMark(stopped)).toEqual({ word: "stopped", icon: "square", tone: "offline" });
  });

  it("is a red cross when the node failed by itself", () => {
    const failed = node("n", { state: "error", problem: problem("DeviceTimeout") });
    expect(isStopped(failed)).toBe(false);
    expect(nodeMark(failed).tone).toBe("error");
  });

  it("shows what still runs as stopped once an E-STOP holds", () => {
    expect(nodeMark(node("n", { state: "running" })).tone).toBe("running");
    expect(nodeMark(node("n", { state: "running" }), true).word).toBe("stopped");
  });

  it("forgets how it ended once it runs again", () => {
    for (const title of ["NodeCancelled", "DeviceTimeout"]) {
      const again = node("n", { state: "running", problem: problem(title) });
      expect([isStopped(again), isFaulty(again), nodeMark(again).tone]).toEqual([false, false, "running"]);
    }
  });

  it("says muted and missing before anything else", () => {
    expect(nodeMark(node("n", { muted: true, state: "error", problem: problem("NodeCancelled") })).word).toBe("muted");
    expect(nodeMark(node("n", { missing: "funcnodes_x is not installed." })).word).toBe("missing");
  });
});
