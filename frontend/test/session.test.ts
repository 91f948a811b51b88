import { describe, expect, it } from "vitest";
import { backoff, NOWHERE, onFrame, onSnapshot, subscribe } from "../src/model/session";

const here = { session: "s", seq: 7 };

describe("a frame", () => {
  it("that comes next is applied", () => {
    expect(onFrame(here, { session: "s", seq: 8 })).toEqual({ do: "apply", place: { session: "s", seq: 8 } });
  });
  it("seen before is dropped", () => {
    expect(onFrame(here, { session: "s", seq: 7 })).toEqual({ do: "drop" });
    expect(onFrame(here, { session: "s", seq: 1 })).toEqual({ do: "drop" });
  });
  it("beyond a gap asks to go on from here", () => {
    expect(onFrame(here, { session: "s", seq: 9 })).toEqual({ do: "ask", place: here });
  });
  it("of another session asks for a snapshot", () => {
    expect(onFrame(here, { session: "t", seq: 8 })).toEqual({ do: "ask", place: NOWHERE });
  });
  it("before the first snapshot is dropped", () => {
    expect(onFrame(NOWHERE, { session: "s", seq: 1 })).toEqual({ do: "drop" });
  });
});

it("a snapshot always wins, and a subscription names where it left off", () => {
  expect(onSnapshot({ session: "s", seq: 3 })).toEqual({ session: "s", seq: 3 });
  expect(subscribe("w", here)).toEqual({ type: "subscribe", worker: "w", session: "s", seq: 7 });
});

it("waits 0.25 s to 3 s between attempts", () => {
  expect([0, 1, 2, 3, 4, 9].map(backoff)).toEqual([0.25, 0.5, 1, 2, 3, 3]);
});
