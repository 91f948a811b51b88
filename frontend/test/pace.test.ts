import { beforeEach, describe, expect, it } from "vitest";
import { Pace, type Surroundings } from "../src/store/pace";

/** A clock worked by hand; a frame comes when the test says so. */
class Around implements Surroundings {
  time = 1000;
  isHidden = false;
  timers: Array<{ at: number; call: () => void }> = [];
  frames: Array<() => void> = [];
  now = () => this.time;
  after = (ms: number, call: () => void) => void this.timers.push({ at: this.time + ms, call });
  frame = (call: () => void) => void this.frames.push(call);
  hidden = () => this.isHidden;

  pass(ms: number) {
    this.time += ms;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    due.forEach(({ call }) => call());
  }

  /** A frame, and how long it takes to draw. */
  draws(ms: number) {
    const frames = this.frames;
    this.frames = [];
    frames.forEach((call) => call());
    this.pass(ms);
  }
}

let around: Around;
let pace: Pace;
let done: string[];
const a = () => void done.push("a");
const b = () => void done.push("b");

beforeEach(() => {
  around = new Around();
  pace = new Pace(around);
  done = [];
});

describe("the pace of the page", () => {
  it("does each task once in the next frame, in the order of asking", () => {
    pace.soon(b);
    pace.soon(a);
    pace.soon(b);
    expect(done).toEqual([]);
    around.draws(5);
    expect(done).toEqual(["b", "a"]);
    around.pass(1000);
    expect(around.frames).toEqual([]);
  });

  it("draws again after 50 ms where a turn takes less", () => {
    pace.soon(a);
    around.draws(5);
    pace.soon(a);
    around.pass(49);
    expect(around.frames).toHaveLength(0);
    around.pass(1);
    expect(around.frames).toHaveLength(1);
  });

  it("leaves as long as a turn took to everything else", () => {
    pace.soon(a);
    around.draws(200);
    pace.soon(a);
    around.pass(199);
    expect(around.frames).toHaveLength(0);
    around.pass(1);
    expect(around.frames).toHaveLength(1);
  });

  it("counts the waiting for frames before: they are drawn by the same machine", () => {
    pace.soon(a);
    around.pass(150);
    around.draws(0);
    pace.soon(a);
    around.pass(149);
    expect(around.frames).toHaveLength(0);
    around.pass(1);
    expect(around.frames).toHaveLength(1);
  });

  it("never waits longer than 400 ms", () => {
    pace.soon(a);
    around.draws(5000);
    pace.soon(a);
    around.pass(400);
    expect(around.frames).toHaveLength(1);
  });

  it("gives way where it is told to, a turn that is due too", () => {
    pace.soon(a);
    around.draws(5);
    pace.soon(a);
    around.pass(50);
    pace.giveWay(250);
    around.draws(5);
    expect(done).toEqual(["a"]);
    around.pass(244);
    expect(around.frames).toHaveLength(0);
    around.pass(1);
    expect(around.frames).toHaveLength(1);
  });

  it("does along with a turn what need not have one, and at once where there is none", () => {
    pace.along(b);
    expect(done).toEqual(["b"]);
    pace.soon(a);
    pace.along(b);
    expect(done).toEqual(["b"]);
    around.draws(5);
    expect(done).toEqual(["b", "a", "b"]);
    pace.along(b);
    expect(done).toHaveLength(3);
    around.pass(50);
    around.draws(5);
    expect(done).toHaveLength(4);
    around.pass(50);
    pace.along(b);
    expect(done).toHaveLength(5);
  });

  it("goes on without frames while nobody sees the page", () => {
    around.isHidden = true;
    pace.soon(a);
    around.pass(250);
    expect(done).toEqual(["a"]);
  });

  it("does in the same turn what another task asks for, and again in the next what it has done", () => {
    const both = () => {
      pace.soon(a);
      pace.soon(both);
    };
    pace.soon(both);
    around.draws(5);
    expect(done).toEqual(["a"]);
    around.pass(50);
    around.draws(5);
    expect(done).toEqual(["a", "a"]);
  });
});
