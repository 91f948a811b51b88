/** What went over the wires, as the page keeps it: the newest, bounded, with a filter. */

import type { TrafficEntry, TrafficPage } from "./wire.gen";

export const KEPT = 5_000;

/** One message, named. */
export interface Message {
  key: string;
  device: string;
  t: number;
  direction: string;
  text: string;
  /** Line ends and whatever else closes the message, shown faintly. */
  end: string;
  size: number;
  ms: number | null;
  bad: boolean;
}

const WORDS: Record<string, { word: string; icon: string }> = {
  out: { word: "out", icon: "rightarrow" },
  in: { word: "in", icon: "left" },
  stop: { word: "E-STOP", icon: "octagon" },
  drop: { word: "dropped", icon: "x" },
  silence: { word: "no reply", icon: "clock" },
  poll: { word: "poll", icon: "pulse" },
  srq: { word: "service", icon: "pulse" },
  open: { word: "opened", icon: "plus" },
  close: { word: "closed", icon: "minus" },
  note: { word: "note", icon: "note" },
};
const SPOKEN = new Set(["open", "close", "note"]);
const BAD = new Set(["silence", "drop"]);

export function directionMark(direction: string): { word: string; icon: string } {
  return WORDS[direction] ?? { word: direction, icon: "note" };
}

export function message([device, number, t, direction, data, size, ms]: TrafficEntry): Message {
  const base = { key: `${device} ${number}`, device, t, direction, size, ms, bad: BAD.has(direction) };
  if (SPOKEN.has(direction)) return { ...base, text: new TextDecoder().decode(data), end: "" };
  if (direction === "silence") return { ...base, text: "No reply.", end: "" };
  const whole = data.length === size;
  const body = whole ? data.length - endLength(data) : data.length;
  const more = whole ? "" : ` … (${size} bytes)`;
  return { ...base, text: shown(data.subarray(0, body)) + more, end: whole ? shown(data.subarray(body)) : "" };
}

function endLength(data: Uint8Array): number {
  let length = 0;
  while (length < data.length && [10, 13].includes(data[data.length - 1 - length] ?? 0)) length++;
  return length;
}

/** Bytes as a line: text as it is, a line end as \n, anything else as \x00. */
export function shown(data: Uint8Array): string {
  let line = "";
  for (const byte of data) {
    if (byte === 10) line += "\\n";
    else if (byte === 13) line += "\\r";
    else if (byte === 9) line += "\\t";
    else if (byte === 92) line += "\\\\";
    else line += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return line;
}

/** The newest messages, and what to ask for next. */
export interface Traffic {
  messages: Message[];
  counts: Record<string, number>;
  missed: number;
}

export const NO_TRAFFIC: Traffic = { messages: [], counts: {}, missed: 0 };

/** With another page. A device that counts from the beginning again belongs to another life of the
 *  worker, whose wires say nothing of these. */
export function withPage(traffic: Traffic, page: TrafficPage): Traffic {
  const again = Object.entries(page.counts).some(([device, count]) => count < (traffic.counts[device] ?? 0));
  const before = again ? NO_TRAFFIC : traffic;
  if (!page.entries.length && !page.missed && !again) return { ...before, counts: page.counts };
  const messages = [...before.messages, ...page.entries.map(message)];
  return { messages: messages.slice(-KEPT), counts: page.counts, missed: before.missed + page.missed };
}

export interface TrafficFilter {
  device: string;
  words: string;
  badOnly: boolean;
}

/** Each word has to be in it: "smu :READ". */
export function filtered(messages: Message[], { device, words, badOnly }: TrafficFilter): Message[] {
  const wanted = words.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (!device && !wanted.length && !badOnly) return messages;
  return messages.filter((each) => {
    if ((device && each.device !== device) || (badOnly && !each.bad)) return false;
    const said = `${each.device} ${directionMark(each.direction).word} ${each.text}${each.end}`.toLowerCase();
    return wanted.every((word) => said.includes(word));
  });
}

/** Which rows of a long list are near the window of a scrolled box. */
export function visible(count: number, rowHeight: number, top: number, height: number): { from: number; to: number } {
  const OVER = 10;
  const from = Math.max(0, Math.min(count, Math.floor(top / rowHeight)) - OVER);
  return { from, to: Math.min(count, Math.ceil((top + height) / rowHeight) + OVER) };
}
