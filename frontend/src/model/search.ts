/** Finding nodes in the library by what people type. */

import { entryPort, type End } from "./fit";
import type { LibraryEntry } from "./wire.gen";

/** Entries that hold every word of the query, best first. */
export function find(library: readonly LibraryEntry[], query: string): LibraryEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [...library];
  return library
    .map((entry, place) => ({ entry, place, score: Math.min(...words.map((word) => score(entry, word))) }))
    .filter((hit) => hit.score > 0)
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .map((hit) => hit.entry);
}

function score(entry: LibraryEntry, word: string): number {
  const title = entry.title.toLowerCase();
  if (title === word) return 6;
  if (title.startsWith(word)) return 5;
  if (title.split(/\s+/).some((part) => part.startsWith(word))) return 4;
  if (entry.path.some((part) => part.toLowerCase().startsWith(word))) return 3;
  if (entry.words.some((other) => other.toLowerCase().startsWith(word))) return 3;
  if (title.includes(word)) return 2;
  return word.length > 2 && entry.doc.toLowerCase().includes(word) ? 1 : 0;
}

/** Entries with a port for the wire in the hand. */
export function fitting(library: readonly LibraryEntry[], held: End | null, side: "in" | "out"): LibraryEntry[] {
  return held ? library.filter((entry) => entryPort(entry, held, side) !== null) : [...library];
}

export interface Shelf {
  name: string;
  entries: LibraryEntry[];
}

/** Shelves in the order of the library; deeper paths are one shelf with a joined name. */
export function shelves(library: readonly LibraryEntry[]): Shelf[] {
  const found = new Map<string, LibraryEntry[]>();
  for (const entry of library) {
    const name = entry.path.join(" · ") || "Other";
    found.set(name, [...(found.get(name) ?? []), entry]);
  }
  return [...found].map(([name, entries]) => ({ name, entries }));
}
