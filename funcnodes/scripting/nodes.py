"""Nodes in plain Python: a helper function called by its node id, and whole nodes of a run.

    scale = function("math.scale")             a pure function: called like any other
    average = run.node("average", source="smu.reading.i", readings=10)
    found = await average()                    any other node: carried out by the engine

Numbers keep what is known of them: a result is only as good as the worst it was made from (R2).
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from funcnodes.core import Frame, Node, NodeSpace, NoValue, Wave, clock, units
from funcnodes.core.nodes import Port
from funcnodes.core.quality import worst
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.words import Sample
from funcnodes.errors import ExecutionError, GraphError, RunError
from funcnodes.runs.control import Runner
from funcnodes.runs.local import library
from funcnodes.runs.points import NOTHING_PAST, FramePast, PointLog
from funcnodes.runs.records import LogLevel
from funcnodes.runs.run import Run, describe
from funcnodes.scripting.measured import Measured

if TYPE_CHECKING:
    from funcnodes.scripting.runs import ScriptRun


# ── what values are worth ─────────────────────────────────────────────────────────────────


def quality_of_value(value: Any) -> Quality:
    """How far a value of a script can be trusted; "ok" where nothing is known of it."""
    return value.quality if isinstance(value, Measured | Sample | ScriptNode) else "ok"


def marked(value: Any, *of: Any) -> Any:
    """A value to be recorded that is only as good as what it was made of.

    For what is no number and so cannot carry its quality itself.
    """
    if value is None or isinstance(value, Measured | Sample):
        return value
    quality = worst(map(quality_of_value, of))
    return value if quality == "ok" else Sample(value, quality)


def told(value: Any, unit: str, quality: Quality) -> Any:
    """An output of a node as a script has it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int) and not unit and quality == "ok":
        return value
    return Measured(float(value), unit, quality)


def given(value: Any, port: Port) -> Any:
    """A value of a script as an input takes it: in its unit, without what is known of it."""
    if isinstance(value, Sample):
        return value.value
    if isinstance(value, Measured):
        if value.unit and port.unit and value.unit != port.unit:
            return float(units.conversion(value.unit, port.unit)(float(value)))
        return float(value)
    return value


# ── functions ─────────────────────────────────────────────────────────────────────────────


class NodeFunction:
    """What a node does, as a function: inputs by position or name; gives its output, or all."""

    def __init__(self, nodeclass: type[Node]) -> None:
        self._node = nodeclass()
        self.__name__ = nodeclass.__name__
        self.__doc__ = nodeclass.__doc__

    def __repr__(self) -> str:
        inputs = ", ".join(port.id for port in self._inputs())
        return f"<function {self._node.node_name}({inputs})>"

    def __call__(self, *args: Any, **named: Any) -> Any:
        ports = self._inputs()
        if len(args) > len(ports):
            raise TypeError(f"{self!r} takes {len(ports)} values, not {len(args)}.")
        values = {**dict(zip((port.id for port in ports), args, strict=False)), **named}
        quality = worst(map(quality_of_value, values.values()))
        arguments = {}
        for name, value in values.items():
            port = self._node.get_input(name)
            arguments[name] = port.check(given(value, port))
        missing = [p.id for p in ports if p.id not in arguments and p.value is NoValue]
        if any(self._node.inputs[name].required for name in missing):
            raise TypeError(f"{self!r} needs {missing[0]}.")
        defaults = {p.id: p.value for p in ports if p.id not in missing}
        return self._result(self._node.func(**{**defaults, **arguments}), quality)

    def _inputs(self) -> list[Any]:
        return [port for name, port in self._node.inputs.items() if not name.startswith("_")]

    def _result(self, result: Any, quality: Quality) -> Any:
        outputs = [port for name, port in self._node.outputs.items() if not name.startswith("_")]
        if len(outputs) == 1:
            return told(result, outputs[0].unit, quality)
        return {
            port.id: told(each, port.unit, quality)
            for port, each in zip(outputs, result, strict=False)
        }


def is_function(nodeclass: type[Node]) -> bool:
    """Whether it is made of a plain function, which can be called without an engine."""
    return nodeclass._function is not None and not nodeclass._is_coroutine


def function(node_id: str) -> NodeFunction:
    """The function of that node id, such as "add_node" or "math.scale".

    Raises:
        GraphError: There is none, or it is no plain function: use `run.node` then.
    """
    nodeclass = library().find_nodeclass(node_id)
    if nodeclass is None:
        raise GraphError(f"There is no node {node_id!r} here.")
    if not is_function(nodeclass):
        raise GraphError(f"{node_id} is no plain function: use run.node({node_id!r}).")
    return NodeFunction(nodeclass)


# ── nodes of a run ────────────────────────────────────────────────────────────────────────


class ScriptNode:
    """A node of a script's run; calling it sets its inputs and carries it out.

    Attributes:
        node: The node itself.
        quality: How far its last results can be trusted.
    """

    def __init__(self, scope: "ScriptSpace", node: Node) -> None:
        self.node = node
        self.quality: Quality = "ok"
        self._scope = scope
        self._free = asyncio.Lock()  # one call at a time: its outputs are those of that call

    def __repr__(self) -> str:
        return f"<node {self.node.name!r} ({self.node.node_id})>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.node.inputs})

    async def __call__(self, **inputs: Any) -> Any:
        """Carry it out.

        Returns:
            What its output gives, or of several a dictionary; None where nothing was given.

        Raises:
            ExecutionError: It failed; says why.
        """
        async with self._free:
            return await self._carried_out(inputs)

    async def _carried_out(self, inputs: Mapping[str, Any]) -> Any:
        node = self.node
        wave = self._scope.wave.child(node.name)
        for name, value in inputs.items():
            port = node.get_input(name)
            taken = port.check(given(value, port)) if value is not None else NoValue
            ask, port.triggers = port.triggers, False
            try:
                port.receive(taken, wave, quality_of_value(value))
            finally:
                port.triggers = ask
        node.request(wave)
        outcome = await wave.wait()
        if outcome.state not in ("ok", "superseded"):
            raise _failed(outcome)
        return self._results(wave)

    def _results(self, wave: Wave) -> Any:
        outputs = [p for name, p in self.node.outputs.items() if not name.startswith("_")]
        self.quality = worst(port.quality for port in outputs)
        found = {
            port.id: told(port.value, port.unit, port.quality)
            if port.value is not NoValue and port.wave is not None and port.wave.within(wave)
            else None
            for port in outputs
        }
        return next(iter(found.values())) if len(outputs) == 1 else found


class ScriptSpace:
    """The nodes of one script's run, and the wave that is under way.

    Invariant: `wave` is the innermost point of a frame that the script is in, else that of the
    whole run.
    """

    def __init__(self, run: "ScriptRun", lent: Mapping[type, Any]) -> None:
        self.space = NodeSpace(library())
        for kind, service in lent.items():
            self.space.services.provide(kind, service)
        runner = _ScriptRunner(self.space, run)
        self.space.services.provide(Runner, runner)
        self._waves = [self.space.root_wave("script")]

    @property
    def wave(self) -> Wave:
        return self._waves[-1]

    def enter(self, wave: Wave) -> None:
        self._waves.append(wave)

    def leave(self, wave: Wave) -> None:
        """Go back to before `wave`; what was entered within it is left too."""
        if wave in self._waves:
            del self._waves[self._waves.index(wave) :]

    def add(self, node_id: str, name: str, inputs: Mapping[str, Any], more: Any = None) -> Node:
        """A node with these inputs; `more` is what its saved form holds beside them.

        Raises:
            GraphError: There is no such node, or it has no such input.
            ValueRefusedError: A value does not fit.
        """
        nodeclass = self.space.lib.find_nodeclass(node_id)
        if nodeclass is None:
            raise GraphError(f"There is no node {node_id!r} here.")
        node = nodeclass()
        if name:
            node.name = name
        self.space.add_node_instance(node, extra=more)
        first = sorted(inputs, key=lambda port: port != "unit" and not port.endswith("_unit"))
        for port_id in first:
            port = node.get_input(port_id)
            value = inputs[port_id]
            if isinstance(value, str) and port.type.kind == "quantity":
                value = units.parse(value, port.unit)
            port.set_value(given(value, port), does_trigger=False)
        return node

    async def aclose(self) -> None:
        self.wave.cancel("the run is over")
        await self.space.aclose()


class _ScriptRunner(Runner):
    """Where nodes of a script find the run that they are part of."""

    def __init__(self, space: NodeSpace, run: "ScriptRun") -> None:
        super().__init__(space, run.store)
        self.run = _RunOfNodes(run)


class _RunOfNodes(Run):
    """A script's run as nodes know runs: nothing of its course is theirs to decide.

    Only what nodes ask of a run is there; the script itself is the course.
    """

    def __init__(self, run: "ScriptRun") -> None:
        self._run = run
        self.waiting = ""
        self.points = PointLog((), NOTHING_PAST, lambda *_: None, lambda: iter(()))  # of nobody

    @property
    def number(self) -> int:
        return self._run.number

    @property
    def is_over(self) -> bool:
        return self._run.is_over

    @property
    def is_going_on(self) -> bool:
        return self._run.state in ("running", "paused")

    def is_recorded(self, wave: Wave | None) -> bool:
        return not self.is_over

    def stop(self, cause: str = "") -> None:
        self._run.stop(cause)

    def begin_frame(self, frame: Frame) -> FramePast:
        """A script is not gone on with: nothing was before."""
        return self.points.begin(frame)

    async def checkpoint(self, frame: Frame) -> bool:
        return await self._run.checkpoint()

    def wait_for(self, text: str) -> None:
        if text and text != self.waiting:
            self.log("warning", "run", f"The run is {text}.")
        self.waiting = text

    @contextmanager
    def point(self, wave: Wave, *_: Any, **__: Any) -> Iterator[None]:
        yield

    async def sleep(self, seconds: float) -> None:
        """Wait between points."""
        await clock.sleep(seconds)

    def is_suspended_for(self, *_: Any) -> bool:
        """A script is held by whoever holds it, by nothing else."""
        return False

    def is_held(self, wave: Wave) -> bool:
        return False

    def point_done(self, frame: Frame) -> None:
        """The script counts them itself, see `Points`."""

    def keep_point(self, frame: Frame, wave: Wave) -> None:
        """The script keeps it itself, see `ScriptPoint`."""

    def log(self, level: LogLevel, source: str, text: str) -> None:
        self._run.log(text, level=level, source=source)

    def note(self, kind: str, **data: Any) -> None:
        self._run.note(kind, **data)


def _failed(outcome: Any) -> Exception:
    if outcome.state == "cancelled":
        return RunError(f"The point was given up: {outcome.reason or 'it was cancelled'}.")
    error = ExecutionError(describe(outcome))
    error.__cause__ = outcome.error
    return error
