import { applyNodeChanges, type NodeChange } from "@xyflow/react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { NodeView } from "../model/wire.gen";
import { command } from "../store/actions";
import { get, set, useEditor } from "../store/editor";
import type { CardNode } from "./NodeCard";

const NUDGE_MS = 300;
const NONE: Record<string, NodeView> = {};

/** The canvas's own list of nodes, kept in step with the worker's.
 *
 *  A node in the hand, or moved but not yet acknowledged, stays where this person put it; once the
 *  worker has answered, its position wins.
 */
export function useGraphNodes() {
  const [nodes, setNodes] = useState<CardNode[]>([]);
  const held = useRef(new Map<string, number>());
  const nudged = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const shown = useRef(nodes);
  shown.current = nodes;

  const sync = useCallback(() => {
    const { graph, selection } = get();
    setNodes((before) => merge(before, graph?.nodes ?? NONE, selection, held.current));
  }, []);
  // Not by a hook: most changes of the graph move no node, and the canvas need not render for them.
  useEffect(() => {
    sync();
    return useEditor.subscribe((state, before) => {
      if (state.graph?.nodes !== before.graph?.nodes || state.selection !== before.selection) sync();
    });
  }, [sync]);

  const move = useCallback(
    async (moved: Array<{ id: string; x: number; y: number }>) => {
      if (!moved.length) return;
      for (const { id } of moved) held.current.set(id, (held.current.get(id) ?? 0) + 1);
      await command({ type: "move_nodes", ids: moved.map((m) => m.id), x: moved.map((m) => m.x), y: moved.map((m) => m.y) });
      for (const { id } of moved) {
        const left = (held.current.get(id) ?? 1) - 1;
        if (left > 0) held.current.set(id, left);
        else held.current.delete(id);
      }
      sync();
    },
    [sync],
  );

  /** Arrow keys move in steps; one command tells the worker of a burst of them. */
  const settleNudge = useCallback(() => {
    timer.current = null;
    const ids = nudged.current;
    nudged.current = new Set();
    void move(shown.current.filter((node) => ids.has(node.id)).map((node) => ({ id: node.id, ...round(node.position) })));
    for (const id of ids) drop(held.current, id);
  }, [move]);

  const onNodesChange = useCallback(
    (changes: NodeChange<CardNode>[]) => {
      for (const change of changes) {
        if (change.type !== "position" || change.dragging !== false || !change.position || dragging.current) continue;
        if (!nudged.current.has(change.id)) {
          nudged.current.add(change.id);
          held.current.set(change.id, (held.current.get(change.id) ?? 0) + 1);
        }
        if (timer.current !== null) clearTimeout(timer.current);
        timer.current = setTimeout(settleNudge, NUDGE_MS);
      }
      select(changes);
      setNodes((before) => applyNodeChanges(changes, before));
    },
    [settleNudge],
  );

  const dragging = useRef(false);
  const onDragStart = useCallback(() => {
    dragging.current = true;
  }, []);
  const onDragStop = useCallback(
    (_event: unknown, _node: unknown, moved: CardNode[]) => {
      dragging.current = false;
      const changed = moved.filter((node) => {
        const view = get().graph?.nodes[node.id];
        return view && (view.x !== node.position.x || view.y !== node.position.y);
      });
      void move(changed.map((node) => ({ id: node.id, ...round(node.position) })));
    },
    [move],
  );
  return { nodes, setNodes, onNodesChange, onDragStart, onDragStop, move };
}

/** The page's selection follows at once, so that no event of the worker's can undo a click. */
function select(changes: NodeChange<CardNode>[]): void {
  const chosen = new Set(get().selection);
  let changed = false;
  for (const change of changes) {
    if (change.type !== "select" || chosen.has(change.id) === change.selected) continue;
    changed = true;
    if (change.selected) chosen.add(change.id);
    else chosen.delete(change.id);
  }
  if (changed) set({ selection: [...chosen] });
}

function drop(held: Map<string, number>, id: string): void {
  const left = (held.get(id) ?? 1) - 1;
  if (left > 0) held.set(id, left);
  else held.delete(id);
}

function round({ x, y }: { x: number; y: number }) {
  return { x: Math.round(x), y: Math.round(y) };
}

function merge(before: CardNode[], views: Record<string, NodeView>, selection: string[], held: Map<string, number>): CardNode[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const chosen = new Set(selection);
  let changed = before.length !== Object.keys(views).length;
  const after = Object.values(views).map((view): CardNode => {
    const node = known.get(view.id);
    const selected = chosen.has(view.id);
    if (!node) {
      changed = true;
      return { id: view.id, type: "card", position: { x: view.x, y: view.y }, data: {}, selected, ariaLabel: view.name };
    }
    const stays = node.dragging || held.has(view.id) || (node.position.x === view.x && node.position.y === view.y);
    if (stays && node.selected === selected && node.ariaLabel === view.name) return node;
    changed = true;
    return { ...node, selected, ariaLabel: view.name, position: stays ? node.position : { x: view.x, y: view.y } };
  });
  return changed ? after : before;
}
