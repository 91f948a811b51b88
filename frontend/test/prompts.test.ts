import { describe, expect, it } from "vitest";
import { applyEvents, fromSnapshot } from "../src/model/graph";
import { announced, asksFor, dueWords, fitted, offered } from "../src/model/prompts";
import type { PromptView } from "../src/model/wire.gen";
import { snapshot } from "./samples";

const ASKED: PromptView = {
  id: "p", node: "n", name: "Thickness", kind: "number", text: "How thick?", unit: "mm", min: null, max: 2,
  choices: [], default: "", asked: 0, due: null, then: "",
};

describe("questions of nodes", () => {
  it("come with a snapshot and go with an event", () => {
    const graph = fromSnapshot(snapshot({ prompts: [ASKED] }));
    expect(graph.prompts).toEqual([ASKED]);
    expect(applyEvents(graph, [{ type: "prompts", prompts: [] }]).prompts).toEqual([]);
  });
  it("say how long they wait and what happens then", () => {
    expect(dueWords(ASKED, 5)).toBe("");
    expect(dueWords({ due: 80, then: "1 mm is taken" }, 5)).toBe("1:15 left, then 1 mm is taken.");
    expect(dueWords({ due: 5, then: "the run stops" }, 6)).toBe("the run stops.");
  });
  it("say which numbers they take", () => {
    expect(asksFor(ASKED)).toContain("2 mm");
    expect(asksFor({ ...ASKED, max: null })).toBe("mm");
    expect(asksFor({ ...ASKED, kind: "text" })).toBe("");
  });
  it("offer a default only where it is one of the choices", () => {
    const choice: PromptView = { ...ASKED, kind: "choice", choices: ["left", "right"], default: "up" };
    expect(offered(choice)).toBe("");
    expect(offered({ ...choice, default: "left" })).toBe("left");
    expect(offered({ ...ASKED, default: "1 mm" })).toBe("1 mm");
  });
  it("are told to whoever does not see them", () => {
    expect(announced([])).toBe("");
    expect(announced([ASKED])).toBe("Thickness: How thick?");
    expect(announced([ASKED, { ...ASKED, name: "Side", text: "Which?" }])).toBe("2 questions. Side: Which?");
  });
  it("take pictures of any size, and make them smaller", () => {
    expect(fitted(4000, 3000)).toEqual({ width: 1600, height: 1200 });
    expect(fitted(10, 20)).toEqual({ width: 10, height: 20 });
  });
});
