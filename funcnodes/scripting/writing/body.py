"""The body of a script: each scope of a graph as statements, each node as what it does."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from funcnodes.basic_nodes.control.routes import GateNode, IfNode
from funcnodes.core import Frame, Node, NodeInput, NodeOutput, NoValue
from funcnodes.core.nodes import TRIGGER_IN, TRIGGER_OUT
from funcnodes.devices.nodes.nodes import (
    DeviceAcquire,
    DeviceCommand,
    DeviceGet,
    DeviceMonitor,
    DeviceNode,
    DeviceRead,
    DeviceSet,
)
from funcnodes.devices.nodes.ports import VALUE
from funcnodes.runs.people import AskingNode
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.scans import Settle
from funcnodes.scripting.nodes import is_function
from funcnodes.scripting.writing import refusals, words
from funcnodes.scripting.writing.frames import FrameWriter
from funcnodes.scripting.writing.lines import ScriptLines
from funcnodes.scripting.writing.refusals import CannotWriteError
from funcnodes.scripting.writing.scopes import Scope, Scopes
from funcnodes.scripting.writing.words import Names, amount, arguments, quoted

BESIDE = "reads beside the points of a scan"


@dataclass(frozen=True, slots=True)
class KnownOutput:
    """What stands for an output from where it was set on.

    Attributes:
        text: An expression.
        guard: The condition under which it is set, or "".
        made_of: Expressions whose quality it shares, where it cannot carry that itself.
    """

    text: str
    scope: Scope
    guard: str = ""
    made_of: tuple[str, ...] = ()


class Body:
    """Writes the statements of a graph.

    Attributes:
        top: What stands before the first statement: nodes and functions that are called.
        functions: Names of functions by node id.
        asks: Whether it asks somebody something.
    """

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self.names = Names()
        self.top = ScriptLines(2)
        self.lines = ScriptLines(2)
        self.functions: dict[str, str] = {}
        self.asks = False
        self.counters = False
        self.marks = False
        self.problems: list[str] = []
        self._known: dict[tuple[Node, str], KnownOutput] = {}
        self._called: dict[Node, str] = {}
        self._guards: dict[Node, str] = {}
        self._tables: dict[Recorder, str] = {}
        self._refused: set[Node] = set()
        self._frames = FrameWriter(self)
        recorders = [node for node in scopes.needed if isinstance(node, Recorder)]
        self._only = recorders[0] if len(recorders) == 1 else None

    def write(self) -> None:
        """All of it; what cannot be written is in `problems`."""
        outermost = Scope()
        self._constants(self.scopes.before())
        for nodes in self.scopes.once():
            self.nodes(nodes, outermost)

    def _constants(self, nodes: Iterable[Node]) -> None:
        """What has its value before a run begins: as that, or as how it is made."""
        scope = Scope()
        for node in nodes:
            why = refusals.why_not(node) or (BESIDE if isinstance(node, DeviceMonitor) else "")
            if why:
                self.problems.append(f"{node.name} {why}, which cannot be written yet.")
                self._refused.add(node)
                continue
            outputs = [o for o in node.outputs.values() if o.value is not NoValue and o.has_targets]
            texts = [words.literal(out.value) for out in outputs]
            if None in texts:
                self.nodes([node], scope)
                continue
            for out, text in zip(outputs, texts, strict=True):
                name = self.names.new(node.name if len(outputs) == 1 else f"{node.name} {out.name}")
                self.top.add(f"{name} = {text}")
                self.know(node, out.id, name, scope)

    def nodes(self, nodes: Iterable[Node], scope: Scope) -> None:
        """The nodes of one scope, in order."""
        for node in nodes:
            if node.muted:
                continue
            try:
                refusals.check(node)
                self._node(node, scope)
                self.keep(node, scope)
            except CannotWriteError as error:
                self._refused.add(node)
                self.problems += [error.message] if error.message else []

    def keep(self, node: Node, scope: Scope) -> None:
        """Put what a node gave into the row of a point that may fail before it is whole."""
        recorder = self._frames.keeps(scope)
        for port in self.columns(recorder) if recorder is not None else ():
            known = self.known(port.sources[0]) if port.sources[0].node is node else None
            if known is not None and scope.within(known.scope):
                self.say(node, f"row[{quoted(port.name)}] = {self._cell(port, known, known.guard)}")

    # ── values ────────────────────────────────────────────────────────────────────────────

    def know(self, node: Node, port: str, text: str, scope: Scope, *made_of: str) -> None:
        """From now on an output is known by this expression."""
        guard = self._guards.get(node, "")
        self._known[node, port] = KnownOutput(text, scope, guard, made_of)

    def known(self, port: NodeOutput) -> KnownOutput | None:
        """What stands for an output; None where nothing has set it yet."""
        if isinstance(port.node, Recorder) and port.id == "rows":
            table = self._tables.get(port.node, "run")
            return KnownOutput(f"{table}.table", Scope())
        return self._known.get((port.node, port.id))

    def given(self, port: NodeInput, scope: Scope) -> str | None:
        """The expression for what an input holds: of its wire, or its value; None for its default.

        Raises:
            CannotWriteError: It cannot be said in Python.
        """
        node = port.node
        if not port.sources:
            if port.value is NoValue or _is_default(port):
                return None
            return self._constant(port)
        found = self.known(port.sources[0])
        if port.sources[0].node in self._refused:
            raise CannotWriteError("")  # it was said of the other
        if found is None:
            raise CannotWriteError(self._unknown(port))
        if found.guard and found.guard != self._guards.get(node, ""):
            raise CannotWriteError(
                f"{node.name} takes for {port.name} what is only set where {found.guard}, which "
                "cannot be written yet."
            )
        return found.text

    def _unknown(self, port: NodeInput) -> str:
        """Why nothing stands for what a wire brings."""
        source = port.sources[0].node
        if source not in self.scopes.plan.nodes:
            return f"{port.node.name} waits for {port.name}, which {source.name} has never given."
        return (
            f"{port.node.name} takes for {port.name} what {source.name} gave at an earlier point, "
            "which cannot be written yet."
        )

    def settings(self, node: Node, scope: Scope, *, without: Iterable[str] = ()) -> dict[str, str]:
        """All inputs that are not at their defaults, by id."""
        left_out = {TRIGGER_IN, *without}
        found: dict[str, str] = {}
        for name, port in node.inputs.items():
            text = self.given(port, scope) if name not in left_out else None
            if text is not None:
                found[name] = text
        return found

    def held(self, ports: Iterable[NodeInput]) -> dict[str, str]:
        """What inputs hold before anything comes by their wires."""
        set_ = (port for port in ports if port.value is not NoValue and not _is_default(port))
        return {port.id: self._constant(port) for port in set_}

    def _constant(self, port: NodeInput) -> str:
        value = port.value
        if port.type.kind == "quantity" and isinstance(value, float):
            return amount(value, port.unit)
        text = words.literal(value)
        if text is None:
            raise CannotWriteError(
                f"{port.node.name} has a value for {port.name} that cannot be written in Python "
                f"({type(value).__name__})."
            )
        return text

    # ── one node ──────────────────────────────────────────────────────────────────────────

    def _node(self, node: Node, scope: Scope) -> None:
        self._guards[node] = self._guard_of(node)
        if isinstance(node, Frame):
            self._frames.write(node, scope)
        elif isinstance(node, Recorder):
            self._record(node, scope)
        elif isinstance(node, DeviceNode):
            self._device(node, scope)
        elif isinstance(node, IfNode | GateNode):
            self._route(node, scope)
        elif isinstance(node, Settle):
            self.say(node, f"await run.settle({self._seconds(node, scope)})")
        elif is_function(type(node)):
            self._function(node, scope)
        else:
            self._call(node, scope)

    def say(self, node: Node, line: str) -> None:
        """A statement of a node, under the condition that it hangs on."""
        self.lines.add(line, guard=self._guards.get(node, ""))

    def guard(self, node: Node) -> str:
        """The condition that a node hangs on, or ""."""
        return self._guards.get(node, "")

    def _guard_of(self, node: Node) -> str:
        """The condition under which something triggers it: "" where something always does."""
        guards: list[str] = []
        for port in node.inputs.values():
            for source in port.sources if port.triggers else ():
                own = self._guards.get(source.node, "")
                found = self._known.get((source.node, source.id))
                guards.append(found.guard if found is not None else own)
        if not guards or "" in guards:
            return ""
        if len(set(guards)) > 1:
            raise CannotWriteError(
                f"{node.name} is set off on one of several ways, which cannot be written yet."
            )
        return guards[0]

    def _route(self, node: IfNode | GateNode, scope: Scope) -> None:
        condition = "condition" if isinstance(node, IfNode) else "open"
        port, value = node.inputs[condition], node.inputs["input"]
        held = self.given(value, scope) or "None"
        asked = self.given(port, scope) or words.literal(port.value) or "True"
        name = asked
        if not asked.isidentifier():
            name = self.names.new(node.name)
            self.say(node, f"{name} = {asked}")
        ways = {"on_true": name, "on_false": f"not {name}"}
        for output, guard in (ways if isinstance(node, IfNode) else {"out": name}).items():
            around = self._guards[node]
            both = f"{around} and {guard}" if around else guard
            self._known[node, output] = KnownOutput(held, scope, both)

    def _seconds(self, node: Settle, scope: Scope) -> str:
        port = node.inputs["time"]
        return self.given(port, scope) or amount(float(port.value), "s")

    # ── devices ───────────────────────────────────────────────────────────────────────────

    def _device(self, node: DeviceNode, scope: Scope) -> None:
        if isinstance(node, DeviceAcquire):
            names = ", ".join(map(quoted, node.devices))
            self._result(node, f"await bench.acquire({names})", scope)
            return
        member = path_of(node)
        if isinstance(node, DeviceSet):
            port = node.inputs[VALUE]
            value = self.given(port, scope)
            if value is None and port.value is not NoValue:
                value = self._constant(port)
            self.say(node, f"await {member}.set({value})")
            self.know(node, TRIGGER_OUT, "True", scope)
        elif isinstance(node, DeviceRead | DeviceGet):
            self._result(node, f"await {member}.get()", scope)
        elif isinstance(node, DeviceCommand):
            self.say(node, f"await {member}()")
        else:
            raise CannotWriteError(f"{node.name} {BESIDE}, which cannot be written yet.")

    def _result(self, node: Node, call: str, scope: Scope, *made_of: str) -> None:
        """Call it, and know its outputs: by the name, or as items of it."""
        outputs = [out for out in node.outputs.values() if not out.id.startswith("_")]
        if not outputs:
            self.say(node, call)
            return
        if not any(out.is_connected() for out in outputs):
            self.say(node, call)
            return
        label = _label(node)
        name = self.names.new(f"{label} result" if node in self._called else label)
        self.say(node, f"{name} = {call}")
        for out in outputs:
            text = name if len(outputs) == 1 else f"{name}[{quoted(out.id)}]"
            self.know(node, out.id, text, scope, *made_of)

    # ── functions and other nodes ─────────────────────────────────────────────────────────

    def _function(self, node: Node, scope: Scope) -> None:
        found = self.functions.get(node.node_id)
        if found is None:
            found = self.functions[node.node_id] = self.names.new(_stem(node.node_id))
        values = self.settings(node, scope)
        by_place: list[str] = []
        for name in [each for each in node.inputs if each != TRIGGER_IN]:
            if name not in values or len(by_place) == 2:
                break
            by_place.append(values.pop(name))
        inside = ", ".join([*by_place, *filter(None, [arguments(values)])])
        self._result(node, f"{found}({inside})", scope, *by_place, *values.values())

    def _call(self, node: Node, scope: Scope) -> None:
        wired = {
            name: text
            for name, port in node.inputs.items()
            if name != TRIGGER_IN and port.sources and (text := self.given(port, scope)) is not None
        }
        name = self._called.get(node) or self._declare(node, scope)
        self._result(node, f"await {name}({arguments(wired)})", scope, name)

    def _declare(self, node: Node, scope: Scope) -> str:
        """Name a node at the top, with what its inputs hold all the time."""
        if isinstance(node, AskingNode):
            self.asks = True
        fixed = self.settings(
            node, scope, without=[name for name, port in node.inputs.items() if port.sources]
        )
        name = self._called[node] = self.names.new(node.name)
        self.top.add(f"{name} = run.node({self.recipe(node, fixed)})")
        return name

    def recipe(self, node: Node, inputs: Mapping[str, str]) -> str:
        """How `run.node` and `run.frame` are told of a node."""
        parts = [quoted(node.node_id)]
        saved = saved_extra(node)
        if node.name != node.node_name or saved:
            parts.append(quoted(node.name))
        if saved:
            text = words.literal(saved)
            if text is None:
                raise CannotWriteError(f"{node.name} is set up in a way that has no words here.")
            parts.append(text)
        return ", ".join([*parts, *filter(None, [arguments(inputs)])])

    # ── rows ──────────────────────────────────────────────────────────────────────────────

    def columns(self, node: Recorder) -> list[NodeInput]:
        """What it records, in order."""
        return node._wired()

    def cells(self, node: Recorder, scope: Scope) -> dict[str, str]:
        """What its columns hold at a point of this scope (R1)."""
        found: dict[str, str] = {}
        for port in self.columns(node):
            known = self.known(port.sources[0])
            if known is None or not scope.within(known.scope):
                continue
            found[port.name] = self._cell(port, known, self._guards.get(node, ""))
        return found

    def _cell(self, port: NodeInput, known: KnownOutput, guard: str) -> str:
        text = known.text
        if known.made_of and port.type.kind not in ("number", "quantity"):
            self.marks = True
            sources = [each for each in known.made_of if each[0].isalpha()]
            text = f"marked({', '.join([text, *sources])})" if sources else text
        if known.guard and known.guard != guard:
            return f"{text} if {known.guard} else None"
        return text

    def _record(self, node: Recorder, scope: Scope) -> None:
        if scope.around is None:
            return  # it is at no point of a scan: no row (R3)
        cells = self.cells(node, scope)
        if self._frames.keeps(scope) is node:
            return  # cell by cell, as they come
        table = self.table(node, cells)
        self.say(node, f"{table}.record({words.mapping(cells)})")

    def table(self, node: Recorder, cells: Mapping[str, str], *, always: bool = False) -> str:
        """Who takes its rows: the run, or a table that is said at the top."""
        if node in self._tables:
            return self._tables[node]
        columns = self.columns(node)
        plain = not always and node is self._only and all(_is_certain(port) for port in columns)
        if plain and len(cells) == len(columns):
            self._tables[node] = "run"
            return "run"
        name = self._tables[node] = self.names.new(node.name)
        said = {port.name: _column(port) for port in columns}
        self.top.add(f"{name} = run.recorder({quoted(node.name)}, {words.mapping(said)})")
        return name


def path_of(node: DeviceNode) -> str:
    """How a script reaches the member of a device."""
    parts = [node.device, *node.member.split(".")]
    return "bench" + "".join(f".{p}" if words.is_name(p) else f"[{quoted(p)}]" for p in parts)


def saved_extra(node: Node) -> dict[str, Any]:
    """What the saved form of a node holds beside its inputs."""
    return {key: value for key, value in node.saved_extra().items() if value not in (None, [], {})}


def _is_default(port: NodeInput) -> bool:
    try:
        return bool(port.value == port.default)
    except (TypeError, ValueError):
        return False


def _is_certain(port: NodeInput) -> bool:
    """Whether unit and type of a column can be told by its first value."""
    source = port.sources[0].node
    if isinstance(source, DeviceNode):
        return True
    return source.is_frame and port.type.kind in ("number", "quantity")


def _column(port: NodeInput) -> str:
    kinds = {"bool": "bool", "text": "str", "array": "list"}
    kind = port.type.kind
    if kind in ("number", "quantity"):
        return quoted(port.unit)
    return kinds.get(kind, "object")


def _label(node: Node) -> str:
    """What a person would call what a node gives."""
    if isinstance(node, DeviceNode):
        name = re.sub(r"\(.*?\)", "", node.name)
        return name.removeprefix("Read ").removeprefix("Get ").strip() or node.member
    return node.name


def _stem(node_id: str) -> str:
    return node_id.rpartition(".")[2].removesuffix("_node")
