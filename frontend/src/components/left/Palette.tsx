import { type DragEvent, useState } from "react";
import { find, shelves } from "../../model/search";
import type { LibraryEntry } from "../../model/wire.gen";
import { isLocked, mayAct, useEditor } from "../../store/editor";
import { addNode } from "../../store/edits";
import { remember, useMemory } from "../../store/memory";
import { canvas, DRAG_TYPE } from "../canvas/canvasApi";
import { Icon, nodeIcon } from "../parts/Icon";
import { EntryShape } from "./EntryShape";
import { useLibrary } from "./useLibrary";


/** The node shelves: search, favourites, and every shelf of the library. */
export function Palette() {
  const library = useLibrary();
  const favourites = useMemory((memory) => memory.favourites);
  const used = useMemory((memory) => memory.used);
  const [query, setQuery] = useState("");
  const [closed, setClosed] = useState<Record<string, boolean>>({});
  const all = shelves(library);
  const starred = [...favourites, ...used.filter((key) => !favourites.includes(key))].flatMap((key) => library.find((entry) => entry.key === key) ?? []);
  const hits = query.trim() ? find(library, query) : null;
  return (
    <>
      <div className="search">
        <label className="field">
          <Icon name="search" />
          <input
            id="palette-search"
            placeholder="Find a node"
            aria-label="Find a node"
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape") {
                setQuery("");
                canvas()?.focus();
              }
              if (event.key === "Enter" && !event.ctrlKey && hits?.[0]) add(hits[0]);
              if (event.key === "ArrowDown") {
                event.preventDefault();
                document.querySelector<HTMLElement>("#p-nodes .item")?.focus();
              }
            }}
          />
          <kbd>/</kbd>
        </label>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Shelves">
        {hits ? (
          <>
            <Entries entries={hits} />
            {hits.length === 0 && <p className="none">Nothing fits “{query.trim()}” here.</p>}
          </>
        ) : (
          <>
            {starred.length > 0 && (
              <ShelfList name="Favourites" icon="star" entries={starred.slice(0, 8)} open={!closed.Favourites} onToggle={() => setClosed({ ...closed, Favourites: !closed.Favourites })} />
            )}
            {all.map((shelf, i) => {
              const open = !(closed[shelf.name] ?? i > 1);
              return <ShelfList key={shelf.name} {...shelf} icon={open ? "down" : "right"} open={open} onToggle={() => setClosed({ ...closed, [shelf.name]: open })} />;
            })}
            {all.length === 0 && <p className="none">The library is empty.</p>}
          </>
        )}
      </div>
    </>
  );
}

function ShelfList(props: { name: string; icon: string; entries: LibraryEntry[]; open: boolean; onToggle: () => void }) {
  return (
    <>
      <button type="button" className="shelf-h" aria-expanded={props.open} onClick={props.onToggle}>
        <Icon name={props.icon} small />
        {props.name}
        <span className="count">{props.entries.length}</span>
      </button>
      {props.open && <Entries entries={props.entries} deep />}
    </>
  );
}

function Entries({ entries, deep = false }: { entries: LibraryEntry[]; deep?: boolean }) {
  const locked = useEditor((state) => !mayAct(state) || isLocked(state));
  const favourites = useMemory((memory) => memory.favourites);
  return (
    <ul>
      {entries.map((entry) => (
        <li key={entry.key} className="entry">
          <button
            type="button"
            className={`item ${deep ? "deep" : ""}`}
            title={entry.doc ? `${entry.title}\n${entry.doc}` : entry.title}
            disabled={locked}
            draggable={!locked}
            onDragStart={(event: DragEvent) => {
              event.dataTransfer.setData(DRAG_TYPE, entry.key);
              event.dataTransfer.effectAllowed = "copy";
            }}
            onClick={() => add(entry)}
            onKeyDown={(event) => {
              const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
              if (!step) return;
              event.preventDefault();
              const items = [...document.querySelectorAll<HTMLElement>("#p-nodes .item")];
              items[items.indexOf(event.currentTarget) + step]?.focus();
            }}
          >
            <Icon name={nodeIcon(entry.icon)} />
            <span className="tt">{entry.title}</span>
            <EntryShape entry={entry} />
          </button>
          <button
            type="button"
            className="star"
            aria-label={`Favourite ${entry.title}`}
            aria-pressed={favourites.includes(entry.key)}
            onClick={() => remember.favourite(entry.key)}
          >
            <Icon name="star" small />
          </button>
        </li>
      ))}
    </ul>
  );
}

function add(entry: LibraryEntry): void {
  const { x, y } = canvas()?.room() ?? { x: 0, y: 0 };
  void addNode(entry, x, y);
}
