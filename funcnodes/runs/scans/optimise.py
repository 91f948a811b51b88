"""*Optimise*: any number of parameters, goals and constraints, written as text.

Its ports follow the text: an output for each parameter, beside it its best value, and an input for
each goal and each constraint, to which what the points give is led back.
"""

import math
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from funcnodes.core import NodeInput, NodeOutput, PortType, units
from funcnodes.core.nodes import TRIGGER_OUT
from funcnodes.errors import ExecutionError, SavedGraphError, UnitError, ValueRefusedError
from funcnodes.runs.points import NO_PAST, FramePast
from funcnodes.runs.scans import bayes, spaces
from funcnodes.runs.scans.choosing import MAX_CHOSEN, ChoosingScan, in_thread
from funcnodes.runs.scans.optimisers import (
    Choice,
    GoalOptimiser,
    OfOneCost,
    PointResult,
    golden_section,
    simplex,
)
from funcnodes.runs.scans.spaces import Aim, Constraint, Factor
from funcnodes.runs.shaping import ShapingInput

Method = Literal["bayes", "simplex"]
_TEXTS = ("parameters", "goals", "constraints")
_OWN = ("best_points", "allowed_points")


class Optimise(ChoosingScan):
    """Looks for the parameters that come nearest to one or several goals, within constraints.

    **parameters** are ranges or choices, "power: 1 to 10 W step 0.5; gas: Ar | N2"; **goals** are
    "yield: maximum; cost: minimum weight 0.5; ph: target 7"; **constraints** are "temperature <=
    80 degC", or a name that has to be on. Wire each parameter to what it sets, and what is measured
    back to each goal and constraint. The method *bayes* takes few points, for expensive ones, and
    needs a library (`pip install 'funcnodes[bayes]'`); *simplex* needs none, and no choices. What
    is not ok, or breaks a constraint, never is the best. Of several goals, **best points** is a
    table of all points that no other beats in every one.
    """

    node_id = "scan.optimise"
    node_name = "Optimise"
    description = __doc__ or ""
    icon = "sweep"
    words = (
        "bayesian", "gaussian process", "optimum", "optimize", "goals", "constraints", "pareto",
        "formulation", "yield", "tune", "bofire", "ax",
    )  # fmt: skip

    parameters = ShapingInput(
        type=str, default="x: 0 to 1", does_trigger=False,
        description='What is chosen, e.g. "power: 1 to 10 W step 0.5; gas: Ar | N2".',
    )  # fmt: skip
    goals = ShapingInput(
        type=str, default="result: maximum", does_trigger=False,
        description='What is wanted, e.g. "yield: maximum; ph: target 7 weight 2".',
    )  # fmt: skip
    constraints = ShapingInput(
        type=str, default="", required=False, does_trigger=False,
        description='What has to hold, e.g. "temperature <= 80 degC; clean".',
    )  # fmt: skip
    method = NodeInput(
        type=Method, default="bayes", does_trigger=False, description="Who chooses the points."
    )
    points = NodeInput(
        type=int, default=40, does_trigger=False, value_options={"min": 1, "max": MAX_CHOSEN},
        description="How many points at most.",
    )  # fmt: skip
    first = NodeInput(
        type=int, default=0, required=False, does_trigger=False, hidden=True,
        value_options={"min": 0, "max": MAX_CHOSEN},
        description="With bayes: points spread out before the model is asked; 0 for two more than "
        "twice the parameters.",
    )  # fmt: skip
    seed = NodeInput(
        type=int, default=0, required=False, does_trigger=False, hidden=True,
        value_options={"min": 0, "max": 2**31},
        description="With bayes: the same seed and results give the same points.",
    )  # fmt: skip
    tolerance = NodeInput(
        type=float, default=0.001, required=False, does_trigger=False, hidden=True,
        value_options={"min": 1e-9, "max": 0.5},
        description="With simplex: how near the optimum is to be found, as a part of each range.",
    )  # fmt: skip
    best_points = NodeOutput(
        type=dict, name="best points",
        description="After the last point: those that no other beats in every goal, best first.",
    )  # fmt: skip
    allowed_points = NodeOutput(
        type=int, name="allowed points", hidden=True,
        description="After the last point: how many counted and held all constraints.",
    )  # fmt: skip

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._shaped: set[str] = set()  # outputs and inputs that follow the text
        self._seen: list[Taken] = []

    # ── ports ─────────────────────────────────────────────────────────────────────────────

    @property
    def after_last(self) -> tuple[str, ...]:  # type: ignore[override]  # as the text says
        best = [port for port in self.outputs if port.startswith("best_")]
        return (TRIGGER_OUT, *best, *_OWN[1:])

    @property
    def own_inputs(self) -> tuple[str, ...]:  # type: ignore[override]  # as the text says
        return tuple(port for port in self.inputs if port in self._shaped)

    def on_added(self) -> None:
        self.take_shape()

    def saved_extra(self) -> dict[str, Any]:
        return {"shape": {name: str(self.inputs[name].value or "") for name in _TEXTS}}

    def restore_extra(self, data: Mapping[str, Any]) -> None:
        shape = data.get("shape", {})
        if not isinstance(shape, Mapping) or not all(isinstance(v, str) for v in shape.values()):
            raise SavedGraphError(f"{self.name}: its shape is no text.")
        self._shape_to({name: str(shape.get(name, "")) for name in _TEXTS})

    def take_shape(self) -> None:
        """Have a port for each parameter, goal and constraint; wires keep what they hold on to."""
        self._shape_to({name: str(self.inputs[name].value or "") for name in _TEXTS})

    def _shape_to(self, texts: Mapping[str, str]) -> None:
        try:
            chosen, aims, limits = _read(texts)
        except ValueRefusedError:
            return  # the check says what is wrong; until then everything stays
        outputs: dict[str, PortType] = {}
        for each in chosen:
            kind = PortType.of(float, unit=each.unit) if each.is_number else PortType.of(str)
            outputs[each.name] = outputs[f"best_{each.name}"] = kind
        for aim in aims:
            outputs[f"best_{aim.name}"] = PortType.of(float)
        inputs: dict[str, PortType] = {aim.name: PortType.of(float) for aim in aims}
        for limit in limits:
            kind = PortType.of(float, unit=limit.unit) if limit.sign else PortType.of(bool)
            inputs.setdefault(limit.name, kind)
        self._bring(outputs, inputs)

    def _bring(self, outputs: Mapping[str, PortType], inputs: Mapping[str, PortType]) -> None:
        for name in sorted(self._shaped - outputs.keys() - inputs.keys()):
            out, inp = self.outputs.get(name), self.inputs.get(name)
            if out is not None and not out.is_connected():
                self.remove_output(out)
            elif inp is not None and not inp.is_connected():
                self.remove_input(inp)
            else:
                continue
            self._shaped.discard(name)
        for name, kind in outputs.items():
            if name not in self.outputs and name not in self.inputs:
                title = name.replace("best_", "best ") if name.startswith("best_") else name
                self.add_output(NodeOutput(name, kind, title, _SAID[name.startswith("best_")]))
                self._shaped.add(name)
            elif name in self._shaped and not self.outputs[name].is_connected():
                self.outputs[name].type = kind
        for name, kind in inputs.items():
            if name not in self.outputs and name not in self.inputs:
                self.add_input(NodeInput(name, kind, name, "What a point gave: led back here.",
                                         required=False, does_trigger=False))  # fmt: skip
                self._shaped.add(name)
            elif name in self._shaped and not self.inputs[name].is_connected():
                self.inputs[name].type = kind

    # ── before it begins ──────────────────────────────────────────────────────────────────

    def why_not(self) -> Iterable[str]:
        try:
            chosen, aims, limits = self._plan()
        except ValueRefusedError as error:
            yield f"{self.name}: {error.message}"
            return
        if self.method.value == "bayes" and not bayes.is_there():
            yield f"{self.name}: {bayes.MISSING}"
        if self.method.value == "simplex" and any(each.choices for each in chosen):
            named = spaces.listed([each.name for each in chosen if each.choices])
            yield f"{self.name}: the simplex chooses numbers of a range, and {named} is none."
        for name in dict.fromkeys([*(a.name for a in aims), *(c.name for c in limits)]):
            if name not in self.own_inputs:
                yield f"{self.name}: {name} cannot name a goal or constraint, since it is taken."
            elif not self.inputs[name].is_connected():
                yield f"{self.name} is not told what its points give: wire that to its {name}."
        for each in chosen:
            if each.name not in self._shaped or each.name not in self.outputs:
                yield f"{self.name}: {each.name} cannot name a parameter, since it is taken."
        wanted = {f"best_{name}" for name in (*_names(chosen), *_names(aims))}
        wanted |= {*_names(chosen), *_names(aims), *_names(limits)}
        for name in sorted(self._shaped - wanted):
            yield f"{self.name} has no {name} any more: take its wire away."

    def extremes(self) -> dict[str, tuple[float, float]]:
        try:
            chosen, *_ = self._plan()
        except ValueRefusedError:
            return {}
        ends = {each.name: each.ends() for each in chosen}
        return {name: end for name, end in ends.items() if end is not None}

    def points_total(self) -> int | None:
        return int(self.points.value) if self.method.value == "bayes" else None

    def points_at_most(self) -> int | None:
        return int(self.points.value)

    def optimiser(self) -> GoalOptimiser:
        """Who chooses the points; made anew each time."""
        chosen, aims, limits = self._plan()
        weights = [aim.weight for aim in aims]
        if self.method.value == "bayes":
            first = int(self.first.value or 0) or 2 * len(chosen) + 2
            return bayes.Bayesian(
                chosen, weights, len(limits), first=first, seed=int(self.seed.value or 0)
            )
        bounds, tolerance = [(each.low, each.high) for each in chosen], float(self.tolerance.value)
        return OfOneCost(
            (golden_section if len(bounds) == 1 else simplex)(bounds, tolerance), weights
        )

    def _plan(self) -> tuple[tuple[Factor, ...], tuple[Aim, ...], tuple[Constraint, ...]]:
        return _read({name: str(self.inputs[name].value or "") for name in _TEXTS})

    # ── points ────────────────────────────────────────────────────────────────────────────

    async def func(self, **named: Any) -> None:
        self._seen = []
        await super().func(**named)
        allowed = [each for each in self._seen if each[1].is_allowed]
        if not allowed:
            raise ExecutionError(f"{self.name}: no point gave results that are ok and allowed.")
        self._tell_best(allowed)

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        return self.course_after(NO_PAST)

    async def course_after(self, past: FramePast) -> AsyncGenerator[dict[str, Any], None]:
        chosen, _, _ = self._plan()
        optimiser = await in_thread(self.optimiser)  # it may load a library
        await in_thread(lambda: self._tell_again(optimiser, past))
        for _ in range(past.done, int(self.points.value)):
            point = await in_thread(optimiser.ask)
            if point is None:
                return
            self._point_of = point
            yield dict(zip((each.name for each in chosen), self._set_to(point), strict=True))
            self._take(optimiser, point, self._gave())

    def check_past(self, past: FramePast) -> None:
        self._tell_again(self.optimiser(), past)

    def facts_of_point(self) -> dict[str, Any]:
        gave = self._gave()
        if gave is None:
            return {"at": self._point_of}
        result, values = gave
        return {"at": self._point_of, "gave": values, "costs": result.costs,
                "excess": result.excess}  # fmt: skip

    def _tell_again(self, optimiser: GoalOptimiser, past: FramePast) -> None:
        """What the points gave that a run before has taken.

        Raises:
            ExecutionError: It asks for others now: a library that it needs is another one.
        """
        self.told, self._seen = 0, []
        for number, facts in enumerate(past.facts, 1):
            taken: Choice = tuple(
                value if isinstance(value, str) else float(value) for value in facts["at"]
            )
            self.check_same(number, optimiser.ask(), taken)
            gave = None
            if "gave" in facts:
                costs, excess, values = (
                    tuple(map(float, facts[name])) for name in ("costs", "excess", "gave")
                )
                gave = PointResult(costs, excess), values
            self._take(optimiser, taken, gave)

    def _take(self, optimiser: GoalOptimiser, point: Choice, gave: "Given | None") -> None:
        if gave is not None:
            self.told += 1
            self._seen.append((self._set_to(point), *gave))
        optimiser.tell(point, gave[0] if gave is not None else None)

    def _set_to(self, point: Choice) -> Choice:
        return tuple(_stepped(p, value) for p, value in zip(self._plan()[0], point, strict=True))

    def _gave(self) -> "Given | None":
        """What the point just taken came to; None where it does not count."""
        _, aims, limits = self._plan()
        values = self._what_it_gave(aims)
        result = None if values is None else self._result_of(aims, limits, values)
        return None if values is None or result is None else (result, values)

    def _what_it_gave(self, aims: Sequence[Aim]) -> tuple[float, ...] | None:
        """What the point just taken gave for each goal; None where it does not count."""
        if not self.point_was_taken():
            return None
        ports = [self.inputs[aim.name] for aim in aims]
        if not all(map(self.is_of_point, ports)):
            return None
        values = tuple(float(port.value) for port in ports)
        return values if all(map(math.isfinite, values)) else None

    def _result_of(
        self, aims: Sequence[Aim], limits: Sequence[Constraint], values: Sequence[float]
    ) -> PointResult | None:
        """None where a constraint was told nothing that can be trusted."""
        ports = [self.inputs[limit.name] for limit in limits]
        if not all(map(self.is_of_point, ports)):
            return None
        excess = tuple(limit.excess(port.value) for limit, port in zip(limits, ports, strict=True))
        if not all(map(math.isfinite, excess)):
            return None
        costs = tuple(aim.cost(value) for aim, value in zip(aims, values, strict=True))
        return PointResult(costs, excess)

    def _tell_best(self, allowed: "Sequence[Taken]") -> None:
        chosen, aims, _ = self._plan()
        front = sorted(_front(allowed), key=_badness(allowed, [aim.weight for aim in aims]))
        table: dict[str, list[Any]] = {}
        for n, each in enumerate(chosen):
            table[each.name] = [point[n] for point, _, _ in front]
        for n, aim in enumerate(aims):
            table[aim.name] = [values[n] for _, _, values in front]
        quality = self.quality_of_point()
        for name, column in table.items():
            self.outputs[f"best_{name}"].set(column[0], quality=quality)
        self.best_points.set(table, quality=quality)
        self.allowed_points.set(len(allowed), quality=quality)


_SAID = {False: "The value for this point.", True: "That of the best point, after the last one."}


def _read(
    texts: Mapping[str, str],
) -> tuple[tuple[Factor, ...], tuple[Aim, ...], tuple[Constraint, ...]]:
    chosen = spaces.parameters(texts["parameters"])
    aims = spaces.aims(texts["goals"])
    limits = spaces.constraints(texts["constraints"])
    for name, unit in [(p.name, p.unit) for p in chosen] + [(c.name, c.unit) for c in limits]:
        try:
            units.check(unit)
        except UnitError as error:
            raise ValueRefusedError(f"{name}: {error.message}") from error
    both = set(_names(chosen)) & {*_names(aims), *_names(limits)}
    if both:
        raise ValueRefusedError(f"{min(both)} is a parameter, and cannot be a result, too.")
    return chosen, aims, limits


def _names(those: Sequence[Factor] | Sequence[Aim] | Sequence[Constraint]) -> list[str]:
    return [each.name for each in those]


def _stepped(parameter: Factor, value: float | str) -> float | str:
    """The nearest value that a parameter has."""
    if not parameter.step or isinstance(value, str):
        return value
    return parameter.nth(parameter.index(value))


Given = tuple[PointResult, tuple[float, ...]]
Taken = tuple[Choice, PointResult, tuple[float, ...]]


def _front(points: Sequence[Taken]) -> Iterator[Taken]:
    """Those that no other is as good as in every goal, and better in one."""
    for each in points:
        mine = each[1].costs
        if not any(_beats(other[1].costs, mine) for other in points):
            yield each


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _badness(points: Sequence[Taken], weights: Sequence[float]) -> Any:
    """Costs by weight, each as a part of its range, added up."""
    costs = list(zip(*(result.costs for _, result, _ in points), strict=True))
    lows = [min(column) for column in costs]
    spans = [(max(column) - low) or 1.0 for column, low in zip(costs, lows, strict=True)]

    def badness(taken: Taken) -> float:
        parts = zip(weights, taken[1].costs, lows, spans, strict=True)
        return math.fsum(weight * (cost - low) / span for weight, cost, low, span in parts)

    return badness
