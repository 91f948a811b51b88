"""How frames are written: as a loop over points, with what comes before and after them."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from funcnodes.core import Frame, NodeInput, NoValue
from funcnodes.core.nodes import TRIGGER_IN
from funcnodes.devices.nodes.nodes import DeviceSet
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.scans import (
    ListSweep,
    LogarithmicSweep,
    Repeat,
    Scan,
    SteppedScan,
    Sweep,
)
from funcnodes.runs.sequences import ForEachDevice, StepFrame
from funcnodes.scripting.writing import words
from funcnodes.scripting.writing.refusals import CannotWriteError
from funcnodes.scripting.writing.scopes import Scope
from funcnodes.scripting.writing.words import in_unit, number, quoted

if TYPE_CHECKING:
    from funcnodes.scripting.writing.body import Body

_OWN = ("index", "point", "missed", "attempt")
_VERBS: dict[type[SteppedScan], str] = {
    Sweep: "sweep", LogarithmicSweep: "logarithmic", ListSweep: "values",
}  # fmt: skip
_OF_POLICY = ("on_failure", "retries", "wait_s", "on_changed")


class FrameWriter:
    """Writes the frames of a body."""

    def __init__(self, body: "Body") -> None:
        self._body = body
        self._keeping: dict[Scope, Recorder] = {}

    def keeps(self, scope: Scope) -> Recorder | None:
        """Who keeps the row of a point whatever becomes of the point, if anybody does."""
        return self._keeping.get(scope)

    def write(self, frame: Frame, scope: Scope) -> None:
        """A frame: what is before its points, its points, and what is after them."""
        body, inner = self._body, Scope(scope)
        has_finally = bool(frame.members("finally"))
        with ExitStack() as stack:
            if has_finally:
                stack.enter_context(body.lines.block("try:", guard=body.guard(frame)))
            body.nodes(body.scopes.section(frame, "enter"), Scope(scope))
            if is_simple(frame):
                self._simple(frame, scope, inner)
            else:
                self._engine(frame, scope, inner)
        if has_finally:
            with body.lines.block("finally:"):
                body.nodes(body.scopes.section(frame, "finally"), Scope(scope))

    # ── in words of the run ───────────────────────────────────────────────────────────────

    def _simple(self, frame: Frame, scope: Scope, inner: Scope) -> None:
        body = self._body
        value = "time" if isinstance(frame, Repeat) else "value"
        name = body.names.new(_value_name(frame, value))
        body.know(frame, value, name, inner)
        counter = self._count(frame, inner)
        call = self._repeat(frame) if isinstance(frame, Repeat) else self._stepped(frame)
        with body.lines.block(f"async for {name} in run.{call}:", guard=body.guard(frame)):
            if counter:
                body.lines.add(f"{counter} += 1")
            body.nodes(body.scopes.points(frame), inner)

    def _count(self, frame: Frame, inner: Scope) -> str:
        """A number of the point, where somebody wants to know it."""
        if not frame.outputs["index"].is_connected():
            return ""
        name = self._body.names.new("index")
        self._body.lines.add(f"{name} = -1", guard=self._body.guard(frame))
        self._body.know(frame, "index", name, inner)
        return name

    def _repeat(self, frame: Repeat) -> str:
        return f"repeat({int(frame.count.value)}, every_s={number(float(frame.every.value))})"

    def _stepped(self, frame: Frame) -> str:
        assert isinstance(frame, SteppedScan)
        unit = frame.value.unit
        parts: list[str] = []
        if isinstance(frame, ListSweep):
            parts.append(words.literal([float(each) for each in frame.listed.value]) or "[]")
            parts += [f"unit={quoted(unit)}"] if unit else []
        else:
            for end in ("start", "stop"):
                value = float(frame.inputs[end].value)
                parts.append(quoted(in_unit(value, unit)) if unit else number(value))
            parts.append(f"points={frame.count()}")
        parts += self._ways(frame)
        return f"{_VERBS[type(frame)]}({', '.join(parts)})"

    def _ways(self, frame: SteppedScan) -> list[str]:
        parts = ["both_ways=True"] if frame.both_ways.value else []
        if frame.order.value == "backward":
            parts.append("backward=True")
        elif frame.order.value == "alternating":
            turns = self._body.names.new("turns")
            self._body.counters = True
            self._body.top.add(f"{turns} = itertools.count()")
            parts.append(f"backward=next({turns}) % 2 == 1")
        if float(frame.delay.value):
            parts.append(f"delay_s={number(float(frame.delay.value))}")
        if frame.relative.value:
            parts.append(f"around={_member_set(frame)}")
        return parts

    # ── by the engine ─────────────────────────────────────────────────────────────────────

    def _engine(self, frame: Frame, scope: Scope, inner: Scope) -> None:
        """Any frame: the engine makes the points, so that it means what it means in a graph."""
        body = self._body
        led_back = self._led_back(frame)
        settings = {
            **body.settings(frame, scope, without=led_back),
            **body.held(frame.inputs[port] for port in led_back),
        }
        name = body.names.new(frame.name)
        body.say(frame, f"{name} = run.frame({body.recipe(frame, settings)})")
        own = (*getattr(frame, "own_inputs", ()), "until")
        others = [quoted(port) for port in led_back if port not in own]
        if others:
            body.say(frame, f"{name}.back({', '.join(others)})")
        is_judged = isinstance(frame, StepFrame | ForEachDevice)
        policy = frame.inputs.get("on_failure")
        is_tried = is_judged or (policy is not None and policy.value != "stop")
        point = self._point(frame, name, inner)
        with ExitStack() as stack:
            head = f"async for {point} in {name}:"
            stack.enter_context(body.lines.block(head, guard=body.guard(frame)))
            if is_tried:
                stack.enter_context(body.lines.block(self._tried(frame, inner)))
                body.keep(frame, inner)
            body.nodes(body.scopes.points(frame), inner)
            self._lead_back(frame, name, led_back, inner)
        for output in frame.after_last:
            if output in frame.outputs and not output.startswith("_"):
                body.know(frame, output, f"{name}[{quoted(output)}]", scope)

    def _tried(self, frame: Frame, inner: Scope) -> str:
        """What is around a point whose failure is the frame's to judge."""
        policy = frame.inputs.get("on_failure")
        keeper = self._keeper(frame) if policy is not None and policy.value == "skip" else None
        if keeper is None:
            return "async with run.point():"
        self._keeping[inner] = keeper
        return f"async with run.point({self._body.table(keeper, {}, always=True)}) as row:"

    def _keeper(self, frame: Frame) -> Recorder | None:
        """The recorder whose rows are kept where a point is left out."""
        inside = self._body.scopes.plan.bodies[frame]
        found = [node for node in inside if isinstance(node, Recorder) and not node.muted]
        if len(found) > 1 or any(each.is_frame for each in inside if found):
            raise CannotWriteError(
                f"{frame.name} leaves out points that fail, and has more than one row at each, "
                "which cannot be written yet."
            )
        return found[0] if found else None

    def _point(self, frame: Frame, name: str, inner: Scope) -> str:
        """The name of the loop's value; knows what the frame sets at each point."""
        body = self._body
        own = [
            out.id
            for out in frame.outputs.values()
            if out.id not in (*frame.after_last, *_OWN) and not out.id.startswith("_")
        ]
        for output in _OWN:
            if output in frame.outputs and frame.outputs[output].type.kind != "trigger":
                body.know(frame, output, f"{name}[{quoted(output)}]", inner)
        if not own:
            return "_"
        point = body.names.new(_value_name(frame, own[0]) if len(own) == 1 else "point")
        for output in own:
            text = point if len(own) == 1 else f"{point}[{quoted(output)}]"
            body.know(frame, output, text, inner)
        return point

    def _led_back(self, frame: Frame) -> list[str]:
        """Inputs that its own points work out."""
        inside = self._body.scopes.plan.bodies[frame]
        found = [
            name
            for name, port in frame.inputs.items()
            if name != TRIGGER_IN and any(source.node in inside for source in port.sources)
        ]
        if found and not frame.takes_back:
            raise CannotWriteError(
                f"{frame.name} is set by what it does itself, by its {frame.inputs[found[0]].name}."
            )
        return found

    def _lead_back(self, frame: Frame, name: str, ports: list[str], inner: Scope) -> None:
        body = self._body
        told = {port: str(body.given(frame.inputs[port], inner)) for port in ports}
        if list(told) == ["until"]:
            body.lines.add(f"{name}.until({told['until']})")
        elif told:
            result = [told.pop("result")] if "result" in told else []
            inside = ", ".join([*result, *filter(None, [words.arguments(told)])])
            body.lines.add(f"{name}.tell({inside})")


def is_simple(frame: Frame) -> bool:
    """Whether there is a word of the run for it, with what it is set to."""
    if not (type(frame) in _VERBS or type(frame) is Repeat):
        return False
    assert isinstance(frame, Scan)
    if any(port.sources for name, port in frame.inputs.items() if name != TRIGGER_IN):
        return False
    if frame.on_failure.value != "stop" or frame.on_changed.value != "as the bench":
        return False
    if isinstance(frame, Repeat):
        return not frame.missed.is_connected()
    return not (isinstance(frame, SteppedScan) and _has_no_word(frame.inputs["unit"]))


def _has_no_word(port: NodeInput) -> bool:
    return port.value is NoValue


def _member_set(frame: SteppedScan) -> str:
    from funcnodes.scripting.writing.body import path_of

    nodes = [inp.node for inp in frame.value.targets if isinstance(inp.node, DeviceSet)]
    nodes = [node for node in nodes if not node.muted]
    if len(nodes) != 1:
        raise CannotWriteError(
            f"{frame.name} is relative to what a device stands at, but sets {len(nodes)} of them."
        )
    return path_of(nodes[0])


def _value_name(frame: Frame, output: str) -> str:
    """What a person would call the values: what they set, else what the frame is called."""
    for target in frame.outputs[output].targets:
        if isinstance(target.node, DeviceSet):
            return target.node.member.rpartition(".")[2]
    is_named = frame.name != frame.node_name and output in ("value", "x")
    return frame.name if is_named else output
