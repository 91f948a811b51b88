import { describe, expect, it } from "vitest";
import { directionMark, filtered, KEPT, message, NO_TRAFFIC, shown, visible, withPage } from "../src/model/traffic";
import type { TrafficEntry } from "../src/model/wire.gen";

const bytes = (text: string) => new TextEncoder().encode(text);
const entry = (number: number, text: string, more: { device?: string; direction?: string; size?: number; ms?: number } = {}): TrafficEntry => [
  more.device ?? "smu", number, 1, more.direction ?? "out", bytes(text), more.size ?? bytes(text).length, more.ms ?? null,
];
const page = (entries: TrafficEntry[], counts: Record<string, number>, missed = 0) => ({ entries, counts, missed });

describe("bytes as a line", () => {
  it("keep text, and name everything else", () => {
    expect(shown(bytes(":READ?"))).toBe(":READ?");
    expect(shown(new Uint8Array([0, 65, 9, 92, 200]))).toBe("\\x00A\\t\\\\\\xc8");
  });

  it("set the end of a message apart", () => {
    expect(message(entry(0, "0,\"No error\"\r\n"))).toMatchObject({ text: "0,\"No error\"", end: "\\r\\n" });
    expect(message(entry(0, "a\nb"))).toMatchObject({ text: "a\\nb", end: "" });
  });

  it("say how long a message was of which only the beginning is here", () => {
    expect(message(entry(0, "#14\n", { size: 1_000_000 }))).toMatchObject({ text: "#14\\n … (1000000 bytes)", end: "" });
  });

  it("say that a reply never came, and keep notes as they are", () => {
    expect(message(entry(0, "", { direction: "silence", ms: 2000 }))).toMatchObject({ text: "No reply.", bad: true, ms: 2000 });
    expect(message(entry(0, "lost: 5 °C", { direction: "note" })).text).toBe("lost: 5 °C");
    expect(directionMark("from-the-future").word).toBe("from-the-future");
  });
});

describe("traffic", () => {
  it("grows by pages, bounded", () => {
    const many = Array.from({ length: KEPT }, (_, i) => entry(i, "x"));
    const traffic = withPage(withPage(NO_TRAFFIC, page(many, { smu: KEPT })), page([entry(KEPT, "last")], { smu: KEPT + 1 }, 3));
    expect(traffic.messages).toHaveLength(KEPT);
    expect(traffic.messages.at(-1)?.text).toBe("last");
    expect(traffic).toMatchObject({ counts: { smu: KEPT + 1 }, missed: 3 });
  });

  it("keeps its rows where nothing came, so that nothing is drawn anew", () => {
    const traffic = withPage(NO_TRAFFIC, page([entry(0, "x")], { smu: 1 }));
    expect(withPage(traffic, page([], { smu: 1 })).messages).toBe(traffic.messages);
  });

  it("begins anew with another life of the worker", () => {
    const traffic = withPage(NO_TRAFFIC, page([entry(8, "old")], { smu: 9 }));
    expect(withPage(traffic, page([entry(0, "new")], { smu: 1 })).messages.map((each) => each.text)).toEqual(["new"]);
  });

  it("is filtered by device, by every word, and by what went wrong", () => {
    const { messages } = withPage(NO_TRAFFIC, page(
      [entry(0, ":READ?\n"), entry(1, "1.5\n", { direction: "in" }), entry(0, ":READ?\n", { device: "dmm" }), entry(1, "", { device: "dmm", direction: "silence" })],
      { smu: 2, dmm: 2 },
    ));
    const texts = (device: string, words: string, badOnly = false) => filtered(messages, { device, words, badOnly }).map((each) => `${each.device} ${each.text}`);
    expect(texts("", "smu :read")).toEqual(["smu :READ?"]);
    expect(texts("dmm", "")).toEqual(["dmm :READ?", "dmm No reply."]);
    expect(texts("", "", true)).toEqual(["dmm No reply."]);
    expect(filtered(messages, { device: "", words: " ", badOnly: false })).toBe(messages);
  });
});

it("draws only rows near the window", () => {
  expect(visible(5000, 22, 22 * 1000, 220)).toEqual({ from: 990, to: 1020 });
  expect(visible(5, 22, 0, 400)).toEqual({ from: 0, to: 5 });
  expect(visible(3, 22, 22 * 1000, 220)).toEqual({ from: 0, to: 3 });
});
