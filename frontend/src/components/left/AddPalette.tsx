import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { endOf } from "../../model/fit";
import { find, fitting } from "../../model/search";
import type { LibraryEntry } from "../../model/wire.gen";
import { isLocked, mayAct, type PaletteAt, set, useEditor } from "../../store/editor";
import { addNode } from "../../store/edits";
import { canvas } from "../canvas/canvasApi";
import { Icon, nodeIcon } from "../parts/Icon";
import { EntryShape } from "./EntryShape";
import { useLibrary } from "./useLibrary";

const WIDTH = 280;
const HEIGHT = 340;

/** A palette where the pointer is; after a wire was dropped, only with nodes that fit. */
export function AddPalette() {
  const at = useEditor((state) => state.palette);
  const allowed = useEditor((state) => mayAct(state) && !isLocked(state));
  return at && allowed ? <Open at={at} key={`${at.x},${at.y}`} /> : null;
}

function Open({ at }: { at: PaletteAt }) {
  const library = useLibrary();
  const held = useEditor((state) => (at.wire ? endOf(state.graph?.nodes[at.wire.node], at.wire) : null));
  const [query, setQuery] = useState("");
  const [index, setIndex] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const fits = at.wire ? fitting(library, held, at.wire.side) : library;
  const hits = find(fits, query).slice(0, 60);
  const elsewhere = at.wire ? find(library, query).length - hits.length : 0;
  const close = () => {
    set({ palette: null });
    canvas()?.focus();
  };
  const choose = (entry: LibraryEntry | undefined) => {
    if (!entry) return;
    set({ palette: null });
    void addNode(entry, Math.round(at.canvas.x), Math.round(at.canvas.y), at.wire, canvas()?.heldAt(at.canvas) ?? null);
    canvas()?.focus();
  };
  useEffect(() => {
    const outside = (event: PointerEvent) => !box.current?.contains(event.target as Node) && set({ palette: null });
    addEventListener("pointerdown", outside, true);
    return () => removeEventListener("pointerdown", outside, true);
  }, []);
  useEffect(() => {
    box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [index]);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setIndex((index + step + hits.length) % Math.max(1, hits.length));
    } else if (event.key === "Enter" && !event.ctrlKey) choose(hits[index]);
    else if (event.key === "Escape" || event.key === "Tab") close();
  };
  return (
    <div className="pop" role="dialog" aria-label="Add a node" ref={box} data-testid="add-palette" style={{ left: Math.max(8, Math.min(at.x, innerWidth - WIDTH - 8)), top: Math.max(56, Math.min(at.y, innerHeight - HEIGHT - 8)), width: WIDTH }}>
      <label className="field">
        <Icon name="search" />
        <input
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls="add-list"
          aria-activedescendant={hits[index] ? `add-${index}` : undefined}
          aria-label={at.wire ? "Find a node that fits" : "Find a node"}
          placeholder={at.wire ? "Find a node that fits" : "Find a node"}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setIndex(0);
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <ul id="add-list" role="listbox" aria-label="Nodes" className="scroll">
        {hits.map((entry, i) => (
          <li key={entry.key} id={`add-${i}`} role="option" aria-selected={i === index} className={`item ${i === index ? "hot" : ""}`} onPointerMove={() => setIndex(i)} onClick={() => choose(entry)}>
            <Icon name={nodeIcon(entry.icon)} />
            <span className="tt">{entry.title}</span>
            <span className="dim shelf">{entry.path.join(" · ")}</span>
            <EntryShape entry={entry} />
          </li>
        ))}
      </ul>
      {hits.length === 0 && (
        <p className="none">
          Nothing fits{query ? ` “${query}”` : ""} here.{elsewhere > 0 ? ` ${elsewhere} ${elsewhere === 1 ? "node" : "nodes"} would without the wire.` : ""}
        </p>
      )}
    </div>
  );
}
