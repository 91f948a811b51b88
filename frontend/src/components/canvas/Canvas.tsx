import {
  Background, type Connection, type FinalConnectionState, getViewportForBounds, type Node,
  type OnConnectStartParams, ReactFlow, type ReactFlowInstance, ReactFlowProvider, SelectionMode, useConnection, useReactFlow, useStore,
  useStoreApi, type Viewport,
} from "@xyflow/react";
import { type DragEvent, type MouseEvent, type ReactNode, useCallback, useDeferredValue, useEffect, useRef } from "react";
import { CARD } from "../../model/card";
import { misjoin, type WireEnd } from "../../model/fit";
import { frameBoxes, sectionAt } from "../../model/frames";
import { freePlace } from "../../model/place";
import { edgesIn, nodesIn } from "../../model/scope";
import type { EdgeView, NodeView } from "../../model/wire.gen";
import { get, isLocked, mayAct, selectOnly, set, useEditor } from "../../store/editor";
import { addNode, connect, redo, undo } from "../../store/edits";
import { openScope } from "../../store/nesting";
import { type CardNode, NodeCard } from "../cards/NodeCard";
import { isSmall, Small, useSmall } from "../cards/zoom";
import { Icon } from "../parts/Icon";
import { Breadcrumb } from "./Breadcrumb";
import { canvas, DRAG_TYPE, offer } from "./canvasApi";
import { cardsOf } from "./frameCards";
import { FrameLayer } from "./FrameLayer";
import { Hint } from "./Hint";
import { tidy } from "./tidy";
import { useGraphEdges } from "./useGraphEdges";
import { useGraphNodes } from "./useGraphNodes";
import { useKnownHandles } from "./useKnownHandles";
import { Wire } from "./Wire";
import { WireInHand } from "./WireInHand";
import { WireSheet } from "./WireSheet";

const NODE_TYPES = { card: NodeCard };
const EDGE_TYPES = { wire: Wire };
const NO_EDGES: Record<string, EdgeView> = {};
const NO_NODES: Record<string, NodeView> = {};
/** Room at the sides for a wire that leads around the outermost card. */
const FIT = { padding: { x: "30px", y: 0.025 }, maxZoom: 1, duration: 0 } as const;
// One object each, so that the canvas does not take a new one for a change.
const ADD_KEYS = ["Shift", "Control", "Meta"];
const PAN_BUTTONS = [1, 2];
const PRO = { hideAttribution: true };
/** From here on only what is visible is drawn, and all wires as one where they are small. */
const MANY = 150;

export function Canvas() {
  return (
    <ReactFlowProvider>
      <Zoomed>
        <Inner />
      </Zoomed>
    </ReactFlowProvider>
  );
}

/** Cards become small at once, and large again as there is time. */
function Zoomed({ children }: { children: ReactNode }) {
  const small = useStore(isSmall);
  const later = useDeferredValue(small);
  return <Small value={small || later}>{children}</Small>;
}

function Inner() {
  useKnownHandles();
  const { nodes, nudge, onNodesChange, onDragStart, onDrag, onDragStop, move } = useGraphNodes();
  const many = nodes.length > MANY;
  const overview = useSmall() && many;
  const { edges, chosen, onEdgesChange } = useGraphEdges(overview);
  const flow = useReactFlow();
  const space = useEditor((state) => state.graph?.space?.name);
  const scope = useEditor((state) => state.scope);
  const empty = useEditor((state) => Object.keys(nodesIn(state.graph?.nodes ?? NO_NODES, state.scope)).length === 0);
  const connectable = useEditor((state) => mayAct(state) && !isLocked(state));
  const frame = useRef<HTMLElement>(null);
  const edgesNow = useRef(edges);
  edgesNow.current = edges;

  useViews(space, scope, nodes);
  useEffect(() => {
    const middle = () => {
      const box = frame.current?.getBoundingClientRect();
      return box ? { x: box.left + box.width / 2, y: box.top + box.height / 2 } : { x: 0, y: 0 };
    };
    offer({
      window: middle,
      room: () => {
        const { x, y } = flow.screenToFlowPosition(middle());
        return freePlace({ x: x - CARD / 2, y: y - NEW_HEIGHT / 2, width: CARD, height: NEW_HEIGHT }, flow.getNodes().map(box));
      },
      heldAt: (point) => sectionAt(frameBoxes(cardsOf(flow.getNodes() as CardNode[], get().graph?.nodes ?? NO_NODES)), [], point),
      toCanvas: (point) => flow.screenToFlowPosition(point),
      fit: () => void flow.fitView(FIT),
      show: (id) => void drawn().then(drawn).then(() => flow.fitView({ ...FIT, nodes: [{ id }] })).then(() => frame.current?.focus()),
      tidy: () => void arrange(toTidy(flow.getNodes()), move).then(drawn).then(() => flow.fitView(FIT)),
      focus: () => frame.current?.focus(),
      selectedEdges: () => edgesNow.current.filter((edge) => edge.selected).map((edge) => edge.id),
      nudge,
    });
    return () => offer(null);
  }, [flow, move, nudge]);

  const onConnectEnd = useCallback(
    (event: globalThis.MouseEvent | TouchEvent, state: FinalConnectionState) => {
      set({ wireInHand: null });
      const wire = heldEnd(state.fromHandle);
      if (state.toHandle || !wire || !(event.target as Element).closest(".react-flow__pane")) return;
      const point = "changedTouches" in event ? event.changedTouches[0] : event;
      if (!point) return;
      const at = { x: point.clientX, y: point.clientY };
      set({ palette: { ...at, canvas: flow.screenToFlowPosition(at), wire } });
    },
    [flow],
  );
  const onDrop = useCallback((event: DragEvent) => {
    const key = event.dataTransfer.getData(DRAG_TYPE);
    const entry = get().graph?.library.find((each) => each.key === key);
    if (!entry) return;
    event.preventDefault();
    const { x, y } = flow.screenToFlowPosition({ x: event.clientX - 40, y: event.clientY - 16 });
    void addNode(entry, Math.round(x), Math.round(y), null, canvas()?.heldAt({ x, y }) ?? null);
  }, [flow]);
  const flowState = useStoreApi();
  /** A plain click selects one, also where several were selected; xyflow leaves those as they are. */
  const onNodeClick = useCallback(
    (event: MouseEvent, node: Node) => {
      if (event.shiftKey || event.ctrlKey || event.metaKey) return;
      if (get().selection.length < 2 && !edgesNow.current.some((edge) => edge.selected)) return;
      flowState.getState().unselectNodesAndEdges();
      selectOnly(node.id);
    },
    [flowState],
  );
  const onDoubleClick = useCallback(
    (event: MouseEvent) => {
      if (!(event.target as Element).closest(".react-flow__pane")) return;
      const at = { x: event.clientX, y: event.clientY };
      set({ palette: { ...at, canvas: flow.screenToFlowPosition(at), wire: null } });
    },
    [flow],
  );
  return (
    <main className="canvas" aria-label="Canvas" data-testid="canvas" ref={frame} tabIndex={-1}>
      <h2 className="sr">Canvas</h2>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onNodeDragStart={onDragStart}
        onNodeDrag={onDrag}
        onNodeDragStop={onDragStop}
        onNodeClick={onNodeClick}
        onNodeDoubleClick={onNodeDoubleClick}
        onConnectStart={onConnectStart}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValidConnection}
        nodesConnectable={connectable}
        onDoubleClick={onDoubleClick}
        onDragOver={onDragOver}
        onDrop={onDrop}
        connectionLineComponent={WireInHand}
        connectionRadius={28}
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={ADD_KEYS}
        panActivationKeyCode="Space"
        selectionOnDrag
        selectionMode={SelectionMode.Partial}
        panOnDrag={PAN_BUTTONS}
        minZoom={0.1}
        maxZoom={2}
        fitView
        fitViewOptions={FIT}
        onlyRenderVisibleElements={many}
        proOptions={PRO}
      >
        <Background gap={16} size={1.2} color="var(--canvas-dot)" />
        <FrameLayer />
        {overview && <WireSheet nodes={nodes} chosen={chosen} />}
      </ReactFlow>
      <Breadcrumb />
      {empty && <p className="canvas-empty">Nothing here yet. Press <kbd>/</kbd> to add a node.</p>}
      <WireTip />
      <Tools />
    </main>
  );
}

/** Show all of a nodespace or a subgraph when it is opened, where a small window leaves enough of it to be
 *  read, else its beginning; and where one was on the way back. */
function useViews(space: string | undefined, scope: string, nodes: CardNode[]): void {
  const flow = useReactFlow();
  const store = useStoreApi();
  const seen = useRef(new Map<string, Viewport>());
  const place = useRef<string | undefined>(undefined);
  useEffect(() => {
    const here = `${space} ${scope}`;
    if (place.current === here || !isDrawn(nodes)) return;
    if (!place.current?.startsWith(`${space} `)) seen.current.clear();
    place.current = here;
    const before = seen.current.get(here);
    if (before) void flow.setViewport(before);
    else void open(flow, store.getState());
  }, [nodes, space, scope, flow, store]);
  useEffect(() => () => void seen.current.set(`${space} ${scope}`, flow.getViewport()), [space, scope, flow]);
}

/** A window narrower than this shows the beginning of what is too wide for it, as large as this. */
const NARROW = { width: 720, zoom: 0.6 };

async function open(flow: ReactFlowInstance, { width, height }: { width: number; height: number }): Promise<void> {
  const bounds = flow.getNodesBounds(flow.getNodes());
  const { zoom } = getViewportForBounds(bounds, width, height, 0, FIT.maxZoom, FIT.padding);
  if (width >= NARROW.width || zoom >= NARROW.zoom) await flow.fitView(FIT);
  else await flow.setViewport({ x: 24 - bounds.x * NARROW.zoom, y: 16 - bounds.y * NARROW.zoom, zoom: NARROW.zoom });
}

/** Whether all that is open is on the canvas, with its size, and nothing else is. */
function isDrawn(nodes: CardNode[]): boolean {
  const { graph, scope } = get();
  const open = nodesIn(graph?.nodes ?? NO_NODES, scope);
  return nodes.length > 0 && nodes.length === Object.keys(open).length && nodes.every((node) => node.measured?.width && open[node.id]);
}

/** Until what was just moved is drawn where it is. */
function drawn(): Promise<void> {
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())));
}

const NEW_HEIGHT = 130;

function box(node: Node) {
  return { id: node.id, ...node.position, width: node.measured?.width ?? CARD, height: node.measured?.height ?? NEW_HEIGHT };
}

/** What is selected where it is several, else all. */
function toTidy(nodes: Node[]): Node[] {
  const selected = nodes.filter((node) => node.selected);
  return selected.length > 1 ? selected : nodes;
}

async function arrange(nodes: Node[], move: (moved: Array<{ id: string; x: number; y: number }>) => Promise<void>): Promise<void> {
  const { graph, scope } = get();
  const cards = cardsOf(nodes as CardNode[], graph?.nodes ?? NO_NODES);
  const here = new Set(nodes.map((node) => node.id));
  const edges = edgesIn(graph?.edges ?? NO_EDGES, scope).filter((edge) => here.has(edge.source) && here.has(edge.target));
  const places = await tidy(cards, edges);
  // A part of the graph stays where it is; all of it begins at the corner.
  const part = here.size < Object.keys(nodesIn(graph?.nodes ?? NO_NODES, scope)).length;
  const [left, top] = part ? [Math.min(...nodes.map((node) => node.position.x)), Math.min(...nodes.map((node) => node.position.y))] : [0, 0];
  const [x0, y0] = part ? [Math.min(...places.map(({ x }) => x)), Math.min(...places.map(({ y }) => y))] : [0, 0];
  await move(places.map(({ id, x, y }) => ({ id, x: Math.round(x - x0 + left), y: Math.round(y - y0 + top) })));
}

function onNodeDoubleClick(event: MouseEvent, node: Node): void {
  const inField = (event.target as Element).closest("input, select, button, .bodyscroll");
  if (!inField && get().graph?.nodes[node.id]?.subgraph) openScope(node.id);
}

function onConnectStart(_: unknown, from: OnConnectStartParams): void {
  set({ wireInHand: heldEnd({ nodeId: from.nodeId, id: from.handleId }) });
}

function onConnect(joined: Connection): void {
  connect(sourceOf(joined), targetOf(joined));
}

function isValidConnection(joined: Joined): boolean {
  return misjoin(get().graph?.nodes ?? {}, sourceOf(joined), targetOf(joined)) === "";
}

function onDragOver(event: DragEvent): void {
  if (event.dataTransfer.types.includes(DRAG_TYPE)) event.preventDefault();
}

function heldEnd(handle: { nodeId: string | null; id?: string | null } | null): WireEnd | null {
  if (!handle?.nodeId || !handle.id) return null;
  const [side, ...port] = handle.id.split(":");
  return { node: handle.nodeId, port: port.join(":"), side: side === "in" ? "in" : "out" };
}

type Joined = Pick<Connection, "source" | "target"> & { sourceHandle?: string | null; targetHandle?: string | null };

function sourceOf({ source, sourceHandle }: Joined): WireEnd {
  return heldEnd({ nodeId: source, id: sourceHandle ?? "out:" }) ?? { node: source, port: "", side: "out" };
}

function targetOf({ target, targetHandle }: Joined): WireEnd {
  return heldEnd({ nodeId: target, id: targetHandle ?? "in:" }) ?? { node: target, port: "", side: "in" };
}

/** Why the port under the wire in the hand does not take it. */
function WireTip() {
  const tip = useConnection((connection) => {
    if (!connection.inProgress || !connection.toHandle || connection.isValid !== false) return "";
    const [a, b] = [heldEnd(connection.fromHandle), heldEnd(connection.toHandle)];
    if (!a || !b || (a.node === b.node && a.port === b.port)) return "";
    const sentence = misjoin(get().graph?.nodes ?? {}, a, b);
    return sentence ? `${Math.round(connection.to.x)},${Math.round(connection.to.y)},${sentence}` : "";
  });
  const [, x, y, sentence] = /^(-?\d+),(-?\d+),(.*)$/.exec(tip) ?? [];
  const [left, top, zoom] = useStore((state) => state.transform);
  if (!sentence) return null;
  return (
    <div className="tip" role="status" style={{ left: Number(x) * zoom + left + 16, top: Number(y) * zoom + top + 16 }}>
      {sentence}
    </div>
  );
}

function Tools() {
  const flow = useReactFlow();
  const zoom = useStore((state) => state.transform[2]);
  const space = useEditor((state) => state.graph?.space);
  const active = useEditor((state) => mayAct(state) && !isLocked(state));
  return (
    <div className="toolrow">
      <div className="tools" role="group" aria-label="View">
        <ToolButton icon="minus" label="Zoom out" onClick={() => void flow.zoomOut()} />
        <span className="z">{Math.round(zoom * 100)} %</span>
        <ToolButton icon="plus" label="Zoom in" onClick={() => void flow.zoomIn()} />
        <ToolButton icon="fit" label="Fit, F" onClick={() => void flow.fitView(FIT)} />
        <ToolButton icon="tidy" label="Tidy, L" disabled={!active} onClick={() => canvas()?.tidy()} />
      </div>
      <div className="tools" role="group" aria-label="History">
        <ToolButton icon="undo" label={space?.undo_label ? `Undo ${space.undo_label}` : "Undo"} disabled={!active || !space?.can_undo} onClick={undo} />
        <ToolButton icon="redo" label={space?.redo_label ? `Redo ${space.redo_label}` : "Redo"} disabled={!active || !space?.can_redo} onClick={redo} />
      </div>
      <Hint />
    </div>
  );
}

function ToolButton({ icon, label, onClick, disabled = false }: { icon: string; label: string; onClick: () => void; disabled?: boolean }) {
  return (
    <button type="button" className="btn icon" aria-label={label} title={label} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
