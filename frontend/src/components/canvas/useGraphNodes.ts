import { applyNodeChanges, type NodeChange, type NodeHandle, Position, useReactFlow } from "@xyflow/react";
import { type MouseEvent as ReactMouseEvent, useCallback, useEffect, useRef, useState } from "react";
import { type CardShape, shapeOf } from "../../model/card";
import { family, frameBoxes, placeOn, sectionAt, type SectionBox, slots } from "../../model/frames";
import { nodesIn, scopeOf } from "../../model/scope";
import { wiredOf } from "../../model/wires";
import type { EdgeView, NodeView } from "../../model/wire.gen";
import { get, isLocked, set, useEditor } from "../../store/editor";
import { revision } from "../../store/commands";
import { moveNodes } from "../../store/edits";
import { putIn } from "../../store/nesting";
import type { CardNode } from "../cards/NodeCard";
import { cardsOf } from "./frameCards";

const NUDGE_MS = 300;
const NONE: Record<string, NodeView> = {};
const NO_EDGES: Record<string, EdgeView> = {};

interface XY {
  x: number;
  y: number;
}

interface Place extends XY {
  id: string;
}

/** The canvas's own list of nodes, kept in step with the worker's.
 *
 *  A node in the hand, or moved but not yet acknowledged, stays where this person put it; once the
 *  worker has answered, its position wins.
 */
export function useGraphNodes() {
  const { screenToFlowPosition: toCanvas } = useReactFlow();
  const [nodes, setNodes] = useState<CardNode[]>([]);
  const held = useRef(new Map<string, number>());
  const nudged = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const shown = useRef(nodes);
  shown.current = nodes;

  const sync = useCallback(() => {
    const { graph, selection, scope } = get();
    setNodes((before) => merge(before, nodesIn(graph?.nodes ?? NONE, scope), graph?.edges ?? NO_EDGES, selection, held.current));
  }, []);
  // Not by a hook: most changes of the graph move no node, and the canvas need not render for them.
  useEffect(() => {
    sync();
    return useEditor.subscribe((state, before) => {
      const same = state.graph?.nodes === before.graph?.nodes && state.graph?.edges === before.graph?.edges;
      if (!same || state.selection !== before.selection || state.scope !== before.scope) sync();
    });
  }, [sync]);

  /** Keep nodes where they are until the worker has answered; then its word counts. */
  const settle = useCallback(
    async (ids: readonly string[], sent: () => Promise<unknown>) => {
      for (const id of ids) hold(held.current, id);
      await sent();
      for (const id of ids) drop(held.current, id);
      sync();
    },
    [sync],
  );
  const move = useCallback(
    async (moved: Place[], made?: number) => {
      if (moved.length) await settle(moved.map(({ id }) => id), () => moveNodes(moved, made));
    },
    [settle],
  );

  /** Arrow keys move in steps; one command tells the worker of a burst of them. */
  const settleNudge = useCallback(() => {
    timer.current = null;
    const ids = nudged.current;
    nudged.current = new Set();
    void move(shown.current.filter((node) => ids.has(node.id)).map((node) => ({ id: node.id, ...round(node.position) })));
    for (const id of ids) drop(held.current, id);
  }, [move]);

  const nudge = useCallback(
    (dx: number, dy: number) => {
      const ids = new Set(shown.current.filter((node) => node.selected).map((node) => node.id));
      for (const id of ids) {
        if (nudged.current.has(id)) continue;
        nudged.current.add(id);
        hold(held.current, id);
      }
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = setTimeout(settleNudge, NUDGE_MS);
      setNodes((before) => before.map((node) => (ids.has(node.id) ? { ...node, position: moved(node.position, dx, dy) } : node)));
    },
    [settleNudge],
  );

  const onNodesChange = useCallback((changes: NodeChange<CardNode>[]) => {
    select(changes);
    setNodes((before) => applyNodeChanges(changes, before));
  }, []);

  const dragging = useRef<{ start: Map<string, XY>; followers: string[]; made: number } | null>(null);
  const onDragStart = useCallback((_event: unknown, _node: unknown, dragged: CardNode[]) => {
    const cards = cardsOf(shown.current, get().graph?.nodes ?? NONE);
    const ids = dragged.map((node) => node.id);
    const followers = ids.flatMap((id) => family(cards, id)).filter((id, i, all) => !ids.includes(id) && all.indexOf(id) === i);
    const moving = [...ids, ...followers];
    dragging.current = { start: new Map(shown.current.filter(({ id }) => moving.includes(id)).map((node) => [node.id, node.position])), followers, made: revision() };
    for (const id of followers) hold(held.current, id);
    if (!cards.some((card) => card.isFrame) || isLocked(get())) return;
    const boxes = frameBoxes(cards).filter((box) => !moving.includes(box.id));
    set({ drag: { ids: moving, boxes, slots: slots(cards.filter((card) => !moving.includes(card.id)), boxes), target: null } });
  }, []);
  const onDrag = useCallback((event: MouseEvent | TouchEvent | ReactMouseEvent, node: CardNode | null) => {
    const before = node && dragging.current?.start.get(node.id);
    if (!node || !before || !dragging.current) return;
    const { start, followers } = dragging.current;
    const [dx, dy] = [node.position.x - before.x, node.position.y - before.y];
    if (followers.length) {
      setNodes((all) => all.map((each) => (followers.includes(each.id) ? { ...each, position: moved(start.get(each.id) ?? each.position, dx, dy) } : each)));
    }
    const { drag } = get();
    const target = drag ? sectionAt(drag.boxes, drag.slots, toCanvas(pointOf(event))) : null;
    if (drag && !isSame(drag.target, target)) set({ drag: { ...drag, target } });
  }, [toCanvas]);
  const onDragStop = useCallback(
    (event: MouseEvent | TouchEvent | ReactMouseEvent, node: CardNode | null, dragged: CardNode[]) => {
      const { drag, graph } = get();
      const { start, followers, made } = dragging.current ?? { start: new Map<string, XY>(), followers: [], made: revision() };
      dragging.current = null;
      set({ drag: null });
      const primary = node ?? dragged[0];
      const from = primary && start.get(primary.id);
      if (!primary || !from || (from.x === primary.position.x && from.y === primary.position.y)) {
        for (const id of followers) drop(held.current, id);
        return;
      }
      const [dx, dy] = [primary.position.x - from.x, primary.position.y - from.y];
      const places = [...start].map(([id, place]) => ({ id, ...round(moved(place, dx, dy)) }));
      const target = drag ? sectionAt(drag.boxes, drag.slots, toCanvas(pointOf(event))) : null;
      const loose = drag ? dragged.map(({ id }) => id).filter((id) => changesPlace(graph?.nodes[id], target, drag.ids)) : [];
      void move(places.filter(({ id }) => !loose.includes(id)), made);
      for (const id of followers) drop(held.current, id);
      const slot = target && drag?.slots.includes(target) ? placeOn(target) : null;
      const [sx, sy] = slot ? [slot.x - primary.position.x, slot.y - primary.position.y] : [0, 0];
      const put = places.filter(({ id }) => loose.includes(id)).map((place) => ({ id: place.id, ...round(moved(place, sx, sy)) }));
      if (put.length) void settle(loose, () => putIn(put.map(({ id }) => id), target, put));
    },
    [move, settle, toCanvas],
  );
  return { nodes, nudge, onNodesChange, onDragStart, onDrag, onDragStop, move };
}

/** The page's selection follows at once, so that no event of the worker's can undo a click. */
function select(changes: NodeChange<CardNode>[]): void {
  const { selection, scope } = get();
  const chosen = new Set(selection);
  let changed = false;
  for (const change of changes) {
    // The click that opens a subgraph selects its card, which is out of sight by then.
    if (change.type !== "select" || scopeOf(change.id) !== scope || chosen.has(change.id) === change.selected) continue;
    changed = true;
    if (change.selected) chosen.add(change.id);
    else chosen.delete(change.id);
  }
  if (changed) set({ selection: [...chosen] });
}

/** Whether letting a node go there changes who holds it; with its own frame it simply moves along. */
function changesPlace(view: NodeView | undefined, target: SectionBox | null, moving: readonly string[]): boolean {
  if (!view || view.node_id.startsWith("subgraph.") || moving.includes(view.frame)) return false;
  return view.frame !== (target?.frame ?? "") || (target !== null && view.section !== target.section);
}

function isSame(a: SectionBox | null, b: SectionBox | null): boolean {
  return a?.frame === b?.frame && a?.section === b?.section;
}

/** Where the hand is, in the window: what it points at holds what it lets go. */
function pointOf(event: MouseEvent | TouchEvent | ReactMouseEvent): XY {
  const { clientX: x, clientY: y } = "changedTouches" in event ? (event.changedTouches[0] ?? { clientX: 0, clientY: 0 }) : event;
  return { x, y };
}

function moved({ x, y }: XY, dx: number, dy: number): XY {
  return { x: x + dx, y: y + dy };
}

function hold(held: Map<string, number>, id: string): void {
  held.set(id, (held.get(id) ?? 0) + 1);
}

function drop(held: Map<string, number>, id: string): void {
  const left = (held.get(id) ?? 1) - 1;
  if (left > 0) held.set(id, left);
  else held.delete(id);
}

function round({ x, y }: XY): XY {
  return { x: Math.round(x), y: Math.round(y) };
}

function merge(before: CardNode[], views: Record<string, NodeView>, edges: Record<string, EdgeView>, selection: string[], held: Map<string, number>): CardNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const chosen = new Set(selection);
  let changed = before.length !== Object.keys(views).length;
  const after = Object.values(views).map((view): CardNode => {
    const node = known.get(view.id);
    const selected = chosen.has(view.id);
    const shape = shapeOf(view, wiredOf(edges, view.id));
    const handles = handlesOf(shape);
    if (!node) {
      changed = true;
      const measured = { width: shape.width, height: shape.height };
      return { id: view.id, type: "card", position: { x: view.x, y: view.y }, data: {}, selected, ariaLabel: view.name, measured, handles };
    }
    const stays = node.dragging || held.has(view.id) || (node.position.x === view.x && node.position.y === view.y);
    if (stays && node.selected === selected && node.ariaLabel === view.name && node.handles === handles) return node;
    changed = true;
    return { ...node, selected, ariaLabel: view.name, position: stays ? node.position : { x: view.x, y: view.y }, handles };
  });
  return changed ? after : before;
}

const PORT = 12;
const made = new WeakMap<CardShape, NodeHandle[]>();

/** The ports of a card as the canvas wants them: known before the card is drawn. */
function handlesOf(shape: CardShape): NodeHandle[] {
  const known = made.get(shape);
  if (known) return known;
  const handles = shape.spots.map(({ id, side, x, y }): NodeHandle => ({
    id,
    type: side === "in" ? "target" : "source",
    position: side === "in" ? Position.Left : Position.Right,
    x: x - PORT / 2,
    y: y - PORT / 2,
    width: PORT,
    height: PORT,
  }));
  made.set(shape, handles);
  return handles;
}
