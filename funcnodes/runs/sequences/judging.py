"""Checks: a value against its limits, in a verdict and a sentence.

A check never raises: what it finds counts for the step around it. A value that is not certain, is
no number, or was not set at this attempt is an *error*, never a pass (R1, R2, D3).
"""

import math
from typing import Any, ClassVar

from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, PortType, units
from funcnodes.core.nodes.loading import is_loading
from funcnodes.core.quality import is_nan
from funcnodes.core.values import Quality
from funcnodes.errors import UnitError
from funcnodes.runs.sequences import attempts
from funcnodes.runs.unitinput import UnitInput, convert_inputs
from funcnodes.runs.verdicts import Check, Number, Verdict

_DIGITS = (4, 6, 9, 12, 17)


class Unjudged(Exception):
    """Why a value cannot be judged: "is no number"."""


class CheckNode(Node):
    """What all checks share: a value, its quality, what was found, and who is told."""

    default_policy = "settled"
    default_run_in = "loop"
    icon = "check"
    words = ("test", "verdict", "pass", "fail", "limit", "assert", "judge", "tolerance")

    verdict = NodeOutput(type=str, description="pass, fail or error.")
    text = NodeOutput(type=str, description="What was found, in a sentence.")
    passed = NodeOutput(type=bool, description="Whether it passed.", hidden=True)

    judges: ClassVar[tuple[str, ...]] = ("value",)
    """Inputs that hold what is judged."""

    def find(self, given: dict[str, Any]) -> Check:
        """What is found.

        Raises:
            Unjudged: It cannot be judged.
        """
        raise NotImplementedError

    def unit_judged(self) -> str:
        """The unit of what is judged."""
        return self.inputs[self.judges[0]].unit

    def bounds(self) -> tuple[Number, Number]:
        """The limits, for a report."""
        return None, None

    def not_judged(self) -> Check:
        """For an attempt that ended without a value."""
        return self._unjudged("was not checked, since no value came")

    def check_run(self) -> list[str]:
        found = super().check_run()
        for port_id in self.judges:
            port = self.inputs[port_id]
            if not port.sources and not self.muted:
                found.append(f"{self.name}: nothing is wired to {port.name}, so nothing is judged.")
        frame, place = self.frame, self.place
        if frame is not None and place is not None and place.section != "body":
            found.append(
                f"{self.name} is in {place.section} of {frame.name}, where nothing is judged: "
                "move it to its body."
            )
        return found

    def func(self, **given: Any) -> None:
        check = self._finding(given)
        attempts.judge(self, check)
        self.verdict.set(check.verdict, quality="ok")
        self.text.set(check.text, quality="ok")
        self.passed.set(check.verdict == "pass", quality="ok")

    def _finding(self, given: dict[str, Any]) -> Check:
        if not all(self._is_of_now(self.inputs[port_id]) for port_id in self.judges):
            return self.not_judged()
        quality = self.quality_taken
        if quality == "missing" and any(is_nan(given.get(port_id)) for port_id in self.judges):
            return self._unjudged("is no number", quality)
        if quality != "ok":
            return self._unjudged(f"is not certain ({quality})", quality)
        try:
            return self.find(given)
        except Unjudged as why:
            return self._unjudged(str(why))

    def _is_of_now(self, port: NodeInput) -> bool:
        """R1: whether what it holds was set in this wave, or in one around it."""
        if not port.sources or self.wave is None:
            return True
        return port.wave is not None and self.wave.within(port.wave) and port.value is not NoValue

    def _unjudged(self, why: str, quality: Quality = "ok") -> Check:
        low, high = self.bounds()
        return Check(
            name=self.name, verdict="error", text=f"{self.name} {why}", low=low, high=high,
            unit=self.unit_judged(), quality=quality,
        )  # fmt: skip


class JudgedInput(NodeInput):
    """What is judged. The first wire to it decides the unit, where none was chosen."""

    def follow(self) -> None:
        node = self.node
        unit = self.sources[0].unit if self.sources else ""
        if isinstance(node, NumberCheck) and unit and not node.unit_of() and not is_loading():
            node.adopt(unit)


class NumberCheck(CheckNode):
    """A number against limits in its unit."""

    in_unit: ClassVar[tuple[str, ...]] = ()

    value = JudgedInput(type=float, description="What is judged.")
    unit = UnitInput(
        type=str,
        default="",
        required=False,
        does_trigger=False,
        hidden=True,
        description='Unit of the value and its limits, e.g. "V"; empty for plain numbers.',
    )

    _unit = ""

    def unit_of(self, port_id: str = "unit") -> str:
        """The unit of the value and its limits, "" for plain numbers."""
        return self._unit

    def take_unit(self, unit: str, port_id: str = "unit") -> None:
        """Give the ports that unit; of one dimension, they stay the same quantity."""
        if unit != self._unit:
            before, self._unit = self._unit, unit
            convert_inputs(self, self.in_unit, before, unit)
            self.inputs["value"].type = PortType.of(float, unit=unit)

    def wired_in_unit(self, port_id: str = "unit") -> str:
        """What is wired, while anything is: the unit stays then."""
        wired = (self.inputs[name] for name in ("value", *self.in_unit))
        return next((port.name for port in wired if port.is_connected()), "")

    def adopt(self, unit: str) -> None:
        """Take the unit of what is judged, unless a limit is wired in plain numbers."""
        if not any(self.inputs[name].is_connected() for name in self.in_unit):
            self.take_unit(unit)
            self.inputs["unit"].restore(unit)

    def unit_judged(self) -> str:
        return self._unit

    def check_run(self) -> list[str]:
        found = super().check_run()
        for name in ("value", *self.in_unit):
            for source in self.inputs[name].sources:
                if source.unit and not self._unit:
                    found.append(
                        f"{self.name}: {self.inputs[name].name} comes in {source.unit}, but the "
                        "check has no unit: choose it."
                    )
        return found

    def number(self, given: dict[str, Any], name: str) -> float:
        """A number that was given.

        Raises:
            Unjudged: It is none.
        """
        value = given.get(name)
        if not _is_number(value):
            what = "is no number" if name == "value" else f"has no number as {name}"
            raise Unjudged(what)
        return float(given[name])

    def said(self, value: float, bound: float) -> tuple[str, str]:
        """Both as text, with as many digits as tell them apart."""
        for digits in _DIGITS:
            texts = (
                units.text(value, self._unit, digits=digits),
                units.text(bound, self._unit, digits=digits),
            )
            if texts[0] != texts[1] or value == bound:
                break
        return texts

    def found(
        self, value: float, low: float | None, high: float | None, verdict: Verdict, text: str
    ) -> Check:
        """What was found of a number."""
        return Check(
            name=self.name, verdict=verdict, text=f"{self.name} is {text}", value=value,
            unit=self._unit, low=low, high=high,
        )  # fmt: skip

    def within(self, value: float, low: float | None, high: float | None) -> Check:
        """A number against one or two limits, which still pass."""
        if low is not None and value < low:
            here, there = self.said(value, low)
            return self.found(value, low, high, "fail", f"{here}, below {there}")
        if high is not None and value > high:
            here, there = self.said(value, high)
            return self.found(value, low, high, "fail", f"{here}, above {there}")
        here = units.text(value, self._unit, digits=6)
        bounds = [
            *([f"at least {units.text(low, self._unit, digits=6)}"] if low is not None else []),
            *([f"at most {units.text(high, self._unit, digits=6)}"] if high is not None else []),
        ]
        return self.found(value, low, high, "pass", f"{here}, {' and '.join(bounds)}")

    def _limit(self, name: str) -> Number:
        value = self.inputs[name].value
        return value if isinstance(value, int | float) else None


class CheckBetween(NumberCheck):
    """Passes where a number is from **low** to **high**, both included."""

    node_id = "check.between"
    node_name = "Check between"
    description = __doc__ or ""
    in_unit = ("low", "high")

    low = NodeInput(type=float, default=0.0, does_trigger=False, description="Lowest that passes.")
    high = NodeInput(
        type=float, default=1.0, does_trigger=False, description="Highest that passes."
    )

    def bounds(self) -> tuple[Number, Number]:
        return self._limit("low"), self._limit("high")

    def check_run(self) -> list[str]:
        low, high = self.low.value, self.high.value
        wired = self.low.is_connected() or self.high.is_connected()
        wrong = not wired and isinstance(low, int | float) and isinstance(high, int | float)
        return [
            *super().check_run(),
            *([f"{self.name}: low is above high."] if wrong and low > high else []),
        ]

    def find(self, given: dict[str, Any]) -> Check:
        low, high = self.number(given, "low"), self.number(given, "high")
        if low > high:
            raise Unjudged("has a low limit above its high one")
        return self.within(self.number(given, "value"), low, high)


class CheckAtLeast(NumberCheck):
    """Passes where a number is **low** or more."""

    node_id = "check.at_least"
    node_name = "Check at least"
    description = __doc__ or ""
    in_unit = ("low",)

    low = NodeInput(type=float, default=0.0, does_trigger=False, description="Lowest that passes.")

    def bounds(self) -> tuple[Number, Number]:
        return self._limit("low"), None

    def find(self, given: dict[str, Any]) -> Check:
        return self.within(self.number(given, "value"), self.number(given, "low"), None)


class CheckAtMost(NumberCheck):
    """Passes where a number is **high** or less."""

    node_id = "check.at_most"
    node_name = "Check at most"
    description = __doc__ or ""
    in_unit = ("high",)

    high = NodeInput(
        type=float, default=1.0, does_trigger=False, description="Highest that passes."
    )

    def bounds(self) -> tuple[Number, Number]:
        return None, self._limit("high")

    def find(self, given: dict[str, Any]) -> Check:
        return self.within(self.number(given, "value"), None, self.number(given, "high"))


class CheckEquals(CheckNode):
    """Passes where a value is the expected one: a text, a switch, a whole number, a number ± tol.

    Where the value has a unit, so have **expected** ("4.7 V") and the tolerance.
    """

    node_id = "check.equals"
    node_name = "Check equals"
    description = __doc__ or ""

    value = NodeInput(type=Any, description="What is judged.")
    expected = NodeInput(type=Any, does_trigger=False, description="What passes.")
    tolerance = NodeInput(
        type=Any,
        default=0.0,
        required=False,
        does_trigger=False,
        description="How far a number may be off, in the unit of the value.",
    )

    def unit_judged(self) -> str:
        sources = self.inputs["value"].sources
        return sources[0].unit if sources else ""

    def bounds(self) -> tuple[Number, Number]:
        expected = self.expected.value
        return (expected if isinstance(expected, int | float | str | bool) else None), None

    def find(self, given: dict[str, Any]) -> Check:
        value, expected = given["value"], given["expected"]
        if isinstance(value, bool):
            return self._same(value, _switch(expected))
        if isinstance(value, int | float):
            return self._near(float(value), expected, given.get("tolerance", 0.0))
        if isinstance(value, str):
            return self._same(value, str(expected))
        raise Unjudged(f"is {type(value).__name__}, which is not compared")

    def _same(self, value: str | bool, expected: str | bool) -> Check:
        same = value == expected
        here, there = _shown(value), _shown(expected)
        return Check(
            name=self.name, verdict="pass" if same else "fail", value=value, low=expected,
            text=f"{self.name} is {here}" + ("" if same else f", not {there}"),
        )  # fmt: skip

    def _near(self, value: float, expected: Any, tolerance: Any) -> Check:
        unit = self.unit_judged()
        wanted, off = self._in_unit(expected, unit), abs(self._in_unit(tolerance, unit))
        if not math.isfinite(value):
            raise Unjudged("is no number")
        same = abs(value - wanted) <= off
        here, there = (units.text(each, unit, digits=9) for each in (value, wanted))
        around = f" ± {units.text(off, unit, digits=6)}" if off else ""
        return Check(
            name=self.name, verdict="pass" if same else "fail", value=value, unit=unit,
            low=wanted - off, high=wanted + off,
            text=f"{self.name} is {here}, " + ("as " if same else "not ") + there + around,
        )  # fmt: skip

    def _in_unit(self, value: Any, unit: str) -> float:
        if isinstance(value, str):
            try:
                value = units.parse(value, unit)
            except UnitError as error:
                raise Unjudged(f"cannot be compared: {error.message}") from error
        if not _is_number(value):
            raise Unjudged("has no number to be compared with")
        return float(value)


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and math.isfinite(value)


def _switch(expected: Any) -> bool:
    words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
    found = words.get(str(expected).strip().lower())
    if found is None:
        raise Unjudged(f"is on or off, and cannot be {expected!r}")
    return found


def _shown(value: str | bool) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return repr(value if len(value) <= 100 else f"{value[:99]}…")
