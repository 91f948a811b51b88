import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event, LatchView } from "../src/model/wire.gen";
import { node, snapshot } from "./samples";

vi.stubGlobal("location", { pathname: "/", search: "" });
vi.stubGlobal("document", { hidden: true });
const { onEvents, onLost, onSnapshot, takeIn } = await import("../src/store/following");
const { get, set, useEditor } = await import("../src/store/editor");

const put = (id: string): Event => ({ type: "node", node: node(id) });
const latch: LatchView = { ...snapshot().latch, latched: true };
const names = () => Object.keys(get().graph?.nodes ?? {});

beforeEach(() => {
  vi.useFakeTimers();
  onSnapshot(snapshot());
});
afterEach(() => {
  takeIn();
  vi.useRealTimers();
});

describe("what the worker says", () => {
  it("is taken in together, at the page's pace", () => {
    let changes = 0;
    onEvents([put("x")]);
    onEvents([put("y"), put("z")]);
    expect(names()).not.toContain("x");
    const stop = useEditor.subscribe(() => changes++);
    vi.advanceTimersByTime(1000);
    stop();
    expect(names()).toEqual(expect.arrayContaining(["x", "y", "z"]));
    expect(changes).toBe(1);
  });

  it("of E-STOP is taken in at once, after all that came before", () => {
    set({ pressed: { at: 1, state: "sending", detail: "" } });
    onEvents([put("x")]);
    onEvents([{ type: "latch", latch }]);
    expect(get().graph?.latch.latched).toBe(true);
    expect(get().pressed).toBeNull();
    expect(names()).toContain("x");
  });

  it("last before the connection was lost is not taken for a live word afterwards", () => {
    onEvents([put("x")]);
    onLost("gone", false);
    expect(names()).toContain("x");
    vi.advanceTimersByTime(1000);
    expect(get().connected).toBe(false);
  });
});
