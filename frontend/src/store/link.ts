/** The live socket: subscribes, resumes where it left off, sends commands and hands out answers.
 *
 *  Guarantees frames in order and once each (see `model/session`), and that every command's promise
 *  ends: with the worker's answer, or with `LinkLost`. What was not answered when a connection ended is
 *  sent again on the next one to the same life of the worker: by its key it is done once, and by the
 *  time at which it was sent not at all if that is too long ago.
 */

import { decode, encode } from "@msgpack/msgpack";
import { backoff, NOWHERE, onFrame, onSnapshot, subscribe, type Place } from "../model/session";
import { ServerClock } from "../model/serverclock";
import type { Body, Command, Event, FromBrowser, FromWorker, PersonView, Problem, Snapshot } from "../model/wire.gen";

/** The worker refused a command; nothing changed. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** The connection ended before an answer came, or there is none. */
export class LinkLost extends Error {}

export interface Listener {
  welcome(you: PersonView, version: string): void;
  snapshot(snapshot: Snapshot): void;
  events(events: Event[]): void;
  /** An answer comes next: what was said before it has to be seen before it. */
  answer(): void;
  /** Nothing shown is live any more. */
  lost(reason: string, gone: boolean): void;
  /** The socket did not open; the session may have ended. */
  refused(): void;
}

const PING_MS = 2000;
/** How long a command may wait for the connection to come back. */
const AGAIN_MS = 5000;

interface Waiter {
  command: Command;
  /** By this page's clock. */
  sentMs: number;
  /** The life of the worker to which it was sent. */
  life: string;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

export class Link {
  private socket: WebSocket | null = null;
  private place: Place = NOWHERE;
  private rev = 0;
  private attempt = 0;
  private nextId = 1;
  private asked = false;
  private closed = false;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private beat: ReturnType<typeof setInterval> | null = null;
  private readonly waiting = new Map<number, Waiter>();
  private readonly clock = new ServerClock();
  private readonly page = newPage();
  private giveUp: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly worker: string,
    private readonly listener: Listener,
    private readonly open: () => WebSocket = openSocket,
  ) {}

  connect(): void {
    const socket = this.open();
    let opened = false;
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      opened = true;
      this.ask(this.place);
      this.beat = setInterval(() => this.put({ type: "ping" }), PING_MS);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.receive(decode(data as ArrayBuffer) as FromWorker);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.ended(opened);
    };
  }

  /** Try again at once, e.g. when the page comes back to the front. */
  hurry(): void {
    if (this.retry === null) return;
    clearTimeout(this.retry);
    this.retry = null;
    this.connect();
  }

  close(): void {
    this.closed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    if (this.giveUp !== null) clearTimeout(this.giveUp);
    this.socket?.close();
    this.forget(new LinkLost("The page has left this worker."));
  }

  /** The revision that is on show. */
  get seen(): number {
    return this.rev;
  }

  /** Send one command and wait for its answer.
   *
   *  Rejects with `Refused` or `LinkLost`.
   *
   *  @param made The revision that an edit was made on, where that is older than what is on show.
   */
  send(body: Body, made: number = this.rev): Promise<unknown> {
    const id = this.nextId++;
    const command: Command = { type: "command", id, rev: made, key: `${this.page}-${id}`, body };
    return new Promise((resolve, reject) => {
      const waiter = { command, sentMs: performance.now(), life: lifeOf(this.place), resolve, reject };
      if (!this.give(waiter)) {
        reject(new LinkLost("There is no connection to the worker."));
        return;
      }
      this.waiting.set(id, waiter);
    });
  }

  private give({ command, sentMs }: Waiter): boolean {
    return this.put({ ...command, sent_s: this.clock.at(sentMs) });
  }

  /** Send again what the last connection left unanswered. */
  private giveAgain(): void {
    if (this.giveUp === null) return;
    clearTimeout(this.giveUp);
    this.giveUp = null;
    for (const [id, waiter] of [...this.waiting]) {
      if (waiter.life === lifeOf(this.place)) this.give(waiter);
      else {
        this.waiting.delete(id);
        waiter.reject(new LinkLost("The worker was started anew before it answered."));
      }
    }
  }

  private put(message: FromBrowser): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(encode(message, { ignoreUndefined: true }));
    return true;
  }

  private ask(place: Place): void {
    this.asked = true;
    this.put(subscribe(this.worker, place));
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case "welcome":
        this.clock.anew();
        this.clock.heard(message.clock_s);
        this.listener.welcome(message.you, message.version);
        return;
      case "pong":
        this.clock.heard(message.clock_s);
        return;
      case "snapshot":
        this.place = onSnapshot(message);
        this.rev = message.rev;
        this.settle();
        this.listener.snapshot(message);
        return;
      case "frame": {
        const verdict = onFrame(this.place, message);
        if (verdict.do === "ask" && !this.asked) this.ask(verdict.place);
        if (verdict.do !== "apply") return;
        this.place = verdict.place;
        this.rev = message.rev;
        this.settle();
        this.listener.events(message.events);
        return;
      }
      case "ack":
        this.rev = Math.max(this.rev, message.rev);
        this.listener.answer();
        this.take(message.id)?.resolve(message.result);
        return;
      case "fail":
        this.listener.answer();
        this.take(message.id)?.reject(new Refused(message.problem));
        return;
      case "gone":
        this.forget(new LinkLost(message.reason));
        this.listener.lost(message.reason, true);
        return;
    }
  }

  private settle(): void {
    this.asked = false;
    this.attempt = 0;
    this.giveAgain();
  }

  private take(id: number) {
    const waiter = this.waiting.get(id);
    this.waiting.delete(id);
    return waiter;
  }

  private ended(opened: boolean): void {
    if (this.beat !== null) clearInterval(this.beat);
    this.beat = null;
    if (this.closed) {
      this.forget(new LinkLost("The connection was lost before the worker answered."));
      return;
    }
    this.giveUp ??= setTimeout(() => {
      this.giveUp = null;
      this.forget(new LinkLost("The connection was lost before the worker answered."));
    }, AGAIN_MS);
    this.listener.lost("The connection to the server is lost. Trying again.", false);
    if (!opened) this.listener.refused();
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect();
    }, backoff(this.attempt++) * 1000);
  }

  private forget(error: Error): void {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    all.forEach((waiter) => waiter.reject(error));
  }
}

function openSocket(): WebSocket {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return new WebSocket(`${scheme}://${location.host}/api/live`);
}

/** Which life of a worker a place belongs to: its session without what the server adds of its own. */
function lifeOf({ session }: Place): string {
  return session.replace(/-[^-]*$/, "");
}

/** A name of this page that no other has. */
function newPage(): string {
  return [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
