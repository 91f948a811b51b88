import { decode, encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Command, Event, FromBrowser, FromWorker, Snapshot } from "../src/model/wire.gen";
import { Link, LinkLost, Refused } from "../src/store/link";
import { snapshot } from "./samples";

/** The browser's side of a socket, worked by hand. */
class Socket {
  readyState = 0;
  sent: FromBrowser[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: Uint8Array }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(data: Uint8Array) {
    this.sent.push(decode(data) as FromBrowser);
  }
  close() {
    this.drop();
  }
  opens() {
    this.readyState = 1;
    this.onopen?.();
  }
  says(message: FromWorker) {
    this.onmessage?.({ data: encode(message) });
  }
  drop() {
    this.readyState = 3;
    this.onclose?.();
  }
}

let sockets: Socket[];
let seen: { snapshots: Snapshot[]; events: Event[]; lost: string[]; refused: number; answers: number };
let link: Link;
const last = () => sockets.at(-1) as Socket;
const frame = (seq: number, session = "s"): FromWorker => ({ type: "frame", session, seq, rev: seq, events: [{ type: "node_gone", id: String(seq) }] });

const welcome = (clock_s: number): FromWorker => ({ type: "welcome", you: { id: "a", name: "Ada", role: "admin", holder: false }, version: "0", clock_s });
const commands = (socket: Socket): Command[] => socket.sent.filter((message) => message.type === "command");

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", { OPEN: 1 });
  sockets = [];
  seen = { snapshots: [], events: [], lost: [], refused: 0, answers: 0 };
  link = new Link(
    "w",
    {
      welcome: () => undefined,
      snapshot: (each) => seen.snapshots.push(each),
      events: (events) => seen.events.push(...events),
      answer: () => seen.answers++,
      lost: (reason) => seen.lost.push(reason),
      refused: () => seen.refused++,
    },
    () => {
      const socket = new Socket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  );
  link.connect();
});
afterEach(() => {
  link.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("coming back", () => {
  it("goes on from the last frame, without a gap and without a duplicate", () => {
    last().opens();
    expect(last().sent).toEqual([{ type: "subscribe", worker: "w", session: "", seq: 0 }]);
    last().says(snapshot());
    last().says(frame(8));
    last().drop();
    expect(seen.lost).toHaveLength(1);
    vi.advanceTimersByTime(250);
    expect(sockets).toHaveLength(2);
    last().opens();
    expect(last().sent).toEqual([{ type: "subscribe", worker: "w", session: "s", seq: 8 }]);
    last().says(frame(8));
    last().says(frame(9));
    expect(seen.events).toEqual([{ type: "node_gone", id: "8" }, { type: "node_gone", id: "9" }]);
  });

  it("asks once for what is missing and applies nothing out of order", () => {
    last().opens();
    last().says(snapshot());
    last().says(frame(9));
    last().says(frame(10));
    expect(last().sent.slice(1)).toEqual([{ type: "subscribe", worker: "w", session: "s", seq: 7 }]);
    expect(seen.events).toEqual([]);
    for (const seq of [8, 9, 10]) last().says(frame(seq));
    expect(seen.events).toHaveLength(3);
  });

  it("wants a snapshot when the worker has restarted", () => {
    last().opens();
    last().says(snapshot());
    last().says(frame(1, "t"));
    expect(last().sent.at(-1)).toEqual({ type: "subscribe", worker: "w", session: "", seq: 0 });
    last().says(snapshot({ session: "t", seq: 1 }));
    expect(seen.snapshots).toHaveLength(2);
  });

  it("waits longer each time and says that it was refused", () => {
    last().drop();
    vi.advanceTimersByTime(250);
    last().drop();
    vi.advanceTimersByTime(499);
    expect(sockets).toHaveLength(2);
    vi.advanceTimersByTime(1);
    expect(sockets).toHaveLength(3);
    expect(seen.refused).toBe(2);
  });

  it("stops when it is closed", () => {
    last().opens();
    link.close();
    vi.advanceTimersByTime(10_000);
    expect(sockets).toHaveLength(1);
  });
});

describe("a command", () => {
  it("carries the revision and gets the answer with its id", async () => {
    last().opens();
    last().says(snapshot());
    const [first, second] = [link.send({ type: "undo" }), link.send({ type: "run_start" })];
    expect(last().sent.slice(1)).toMatchObject([
      { type: "command", id: 1, rev: 3, body: { type: "undo" } },
      { type: "command", id: 2, rev: 3, body: { type: "run_start" } },
    ]);
    last().says({ type: "ack", id: 2, rev: 4, result: "run" });
    last().says({ type: "fail", id: 1, rev: 4, problem: { title: "NothingToUndo", detail: "There is nothing to undo.", hint: "", context: {} } });
    await expect(second).resolves.toBe("run");
    await expect(first).rejects.toThrow(Refused);
  });

  it("is answered only once what was said before is told to be taken in", async () => {
    last().opens();
    last().says(snapshot());
    const answers = link.send({ type: "undo" }).then(() => seen.answers);
    expect(seen.answers).toBe(0);
    last().says({ type: "ack", id: 1, rev: 4, result: null });
    await expect(answers).resolves.toBe(1);
  });

  it("says when it was sent by the server's clock, which is never thought to be ahead", () => {
    last().opens();
    last().says(welcome(100));
    vi.advanceTimersByTime(2000);
    last().says({ type: "pong", clock_s: 101.5 }); // half a second on its way
    void link.send({ type: "undo" }).catch(() => undefined);
    expect(commands(last())[0]?.sent_s).toBeCloseTo(102, 3);
  });

  it("is sent again by the same key and time on the next connection to the same life", async () => {
    last().opens();
    last().says(welcome(100));
    last().says(snapshot({ session: "s-one" }));
    const waiting = link.send({ type: "run_start" });
    const [first] = commands(last());
    last().drop();
    await expect(link.send({ type: "undo" })).rejects.toThrow(LinkLost);
    vi.advanceTimersByTime(250);
    last().opens();
    last().says(welcome(50.25)); // another server, with a clock of its own
    expect(commands(last())).toEqual([]);
    last().says(snapshot({ session: "s-two" }));
    const [again] = commands(last());
    expect(again).toEqual({ ...first, sent_s: again?.sent_s });
    expect(again?.sent_s).toBeCloseTo(50, 3);
    last().says({ type: "ack", id: 1, rev: 4, result: "run" });
    await expect(waiting).resolves.toBe("run");
  });

  it("is not sent again to another life of the worker", async () => {
    last().opens();
    last().says(snapshot({ session: "s-one" }));
    const waiting = link.send({ type: "run_start" });
    last().drop();
    vi.advanceTimersByTime(250);
    last().opens();
    last().says(snapshot({ session: "t-one" }));
    await expect(waiting).rejects.toThrow("started anew");
    expect(commands(last())).toEqual([]);
  });

  it("is never left without an end", async () => {
    last().opens();
    last().says(snapshot());
    const waiting = link.send({ type: "run_start" });
    last().drop();
    vi.advanceTimersByTime(5000);
    await expect(waiting).rejects.toThrow(LinkLost);
  });

  it("ends when the worker is gone", async () => {
    last().opens();
    last().says(snapshot());
    const waiting = link.send({ type: "undo" });
    last().says({ type: "gone", worker: "w", reason: "The worker has ended." });
    await expect(waiting).rejects.toThrow("The worker has ended.");
    expect(seen.lost).toEqual(["The worker has ended."]);
  });
});

it("pings every 2 s while it is open", () => {
  last().opens();
  vi.advanceTimersByTime(15_000);
  expect(last().sent.filter((message) => message.type === "ping")).toHaveLength(7);
});
