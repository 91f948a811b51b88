"""Controls and settings: what may be set, within which limits, how fast, and what is safe.

Checked here before anything is sent: type, choices, the driver's own checks, limits as the bench
narrows them and as other members of the instrument move them. A value with `rate` goes to its
target in small steps from where the instrument reads back (see `ramps`). No write is repeated.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, get_args

from funcnodes.core import clock, foreign, units
from funcnodes.core.types import Range
from funcnodes.devices.declarations.members import (
    UNSET,
    Acting,
    Group,
    MemberKind,
    ReadBack,
    Requires,
    Sample,
    Unset,
    plain,
    refusal,
    safe_text,
)
from funcnodes.devices.declarations.parsing import Missing, Parse
from funcnodes.devices.declarations.ramps import ramp_lock, ramped
from funcnodes.devices.declarations.sameness import same
from funcnodes.devices.declarations.values import BoundValue, Value, reader_of
from funcnodes.devices.messages.protocol import Completes
from funcnodes.errors import LimitError, NotTakenError

T = TypeVar("T")
ValueCheck = Callable[[Any], str]
Confirm = Literal["", "errors", "readback", "both", "none"]
"""How a set is confirmed (D10): by the error queue, by reading back, both, or not at all; "" is the
error queue where the protocol has one, else the read-back."""
Drifts = Literal["", "until set", "always"]
"""Whether it changes by itself, so that a difference after an outage says nothing (D8): never, as
long as nobody has set it (a range on automatic), or always."""


@dataclass(frozen=True, slots=True)
class Depending:
    """Limits that other members of the instrument move.

    Attributes:
        names: Members of the same group, whose newest values are handed to `rule`.
        rule: Gives the limits, in the control's unit.
        widest: What `rule` never goes beyond: the limits that ports and docs show.
    """

    names: tuple[str, ...]
    rule: Callable[..., Range]
    widest: Range


def depending(*names: str, rule: Callable[..., Range], widest: Range) -> Depending:
    """Limits that follow other members: `limits=depending("range", rule=…, widest=Range(0, 30))`.

    What was read of them last is believed while it is valid, else they are asked. Before a value
    is refused they are asked in any case, since the front panel may have changed them.
    """
    return Depending(names, rule, widest)


def step_of(step: float, *, unit: str = "") -> ValueCheck:
    """A check that a number is a multiple of `step`."""

    def check(value: float) -> str:
        if abs(value - round(value / step) * step) <= 1e-9 * max(abs(value), step):
            return ""
        return f"it goes in steps of {units.text(step, unit, digits=9)}"

    return check


@dataclass(frozen=True, slots=True)
class OneOf:
    """A check that a number is one of those an instrument has, e.g. its ranges."""

    values: tuple[float, ...]
    unit: str = ""

    def __call__(self, value: float) -> str:
        if any(math.isclose(value, each, rel_tol=1e-9) for each in self.values):
            return ""
        known = ", ".join(units.text(each, self.unit, digits=9) for each in self.values)
        return f"there is only {known}"


def one_of(*values: float, unit: str = "") -> OneOf:
    """A check that a number is one of `values`."""
    return OneOf(values, unit)


@dataclass(slots=True, kw_only=True)
class Control(Value[T], Acting["BoundControl[T]"]):
    """Something that can be set and read back.

    Attributes:
        command: Template of the command that sets it, e.g. ":SOUR:VOLT {v:.9g}".
        limits: What may be set, in `unit`; a bench narrows it further.
        check: Says in half a sentence why a value cannot be, or "".
        resolution: To which multiple of this the instrument rounds a number, in `unit`.
        reads_back: Whether the instrument chooses the value (a range): it is read back at once.
        rate: Highest change per second, in `unit`/s: larger steps are ramped.
        safe: Value at which the instrument is safe; its command is part of `estop`, and
            another value than this one counts as "output on".
        park: Value to go to before `safe` in an orderly way down.
        completes: How the instrument tells that a set is carried out, "" where at once.
        confirm: How a set is confirmed; see `Confirm`.
        tol: How far a value that reads back may be from what was set, in `unit`; None: as far as
            command and reply show it.
        drifts: Whether it changes by itself; see `Drifts`.
        follows: Members whose setting may change this one, by name in its group or in full.
        is_setting: Whether it is how to measure rather than what to put out.
    """

    command: str
    limits: Range | Depending | None = None
    check: ValueCheck | None = None
    resolution: float | None = None
    reads_back: bool = False
    rate: float | None = None
    safe: T | Unset = UNSET
    park: T | Unset = UNSET
    completes: Completes = ""
    confirm: Confirm = ""
    tol: float | None = None
    drifts: Drifts = ""
    follows: tuple[str, ...] = ()
    is_setting: bool = False

    def __post_init__(self) -> None:
        Value.__post_init__(self)
        if self.confirm not in get_args(Confirm):
            raise TypeError(f"{self.query}: {self.confirm!r} is no way to confirm a set.")
        if self.confirm == "none" and not self.doc:
            raise TypeError(f"{self.query}: the doc is to say why no set of it is confirmed.")
        for name, value in (("safe", self.safe), ("park", self.park)):
            if not isinstance(value, Unset) and not self._is_possible(value):
                raise TypeError(f"{name}={value!r} is no value of {self.query}.")

    def _is_possible(self, value: Any) -> bool:
        if self.choices is not None:
            return value in self.choices
        return isinstance(value, int | float if self.type is float else self.type)

    @property
    def kind(self) -> MemberKind:
        return "setting" if self.is_setting else "control"

    @property
    def widest(self) -> Range | None:
        """The widest limits it ever has."""
        return self.limits.widest if isinstance(self.limits, Depending) else self.limits

    def bind(self, group: Group) -> "BoundControl[T]":
        return BoundControl(group, self)

    def sent_text(self) -> str:
        return f"{plain(self.command)} and {self.query}"

    def is_off(self, value: Any) -> bool:
        """Whether a value, or its label, counts as off: the safe one, False without one."""
        off = False if isinstance(self.safe, Unset) else self.label(self.safe)
        return bool(self.label(value) == off)

    def makes_safe(self, value: Any) -> bool:
        return not isinstance(self.safe, Unset) and self.is_off(value)

    def accept(self, value: Any, *, who: str, limits: Range | None) -> T:
        """The value in this control's type, as the instrument rounds it, if it may be set.

        Raises:
            LimitError: It is outside `limits`.
            ValueRefusedError: It is of another type, none of the choices, or would break out of
                its command, or the driver's own check refuses it.
        """
        found = self._typed(value, who, limits)
        try:
            why = self.check(found) if self.check is not None else ""
        except BaseException as error:  # somebody else's function: anything can happen
            why = f"its check failed ({foreign.words(error)})"
        if why:
            shown = self.text(found)
            raise refusal(who, self.title, f"{shown} is not possible, {why}")
        return found

    def same(self, wanted: Any, found: Any, reply: str = "") -> bool:
        """Whether `found`, which the instrument wrote as `reply`, is `wanted`."""
        return same(
            wanted, found, template=self.command, reply=reply, tol=self.tol,
            resolution=self.resolution,
        )  # fmt: skip

    def spelled(self, value: T) -> Any:
        """A value as it stands in the command."""
        return self.choices[value] if self.choices is not None else value

    def _typed(self, value: Any, who: str, limits: Range | None) -> T:
        if self.choices is not None:
            return self._accept_choice(value, who)
        if self.type is str:
            text: T = _accept_text(value, who, self.title)
            return text
        if self.type is bool:
            if value not in (0, 1):
                raise refusal(who, self.title, f"{value!r} is neither on nor off")
            switched: Any = bool(value)
            return switched  # type: ignore[no-any-return]  # T is bool here
        return self._accept_number(value, who, limits)

    def _accept_choice(self, value: Any, who: str) -> T:
        assert self.choices is not None
        asked = str(self.label(value)).lower()
        for choice in self.choices:
            if choice == value or str(self.label(choice)).lower() == asked:
                return choice
        if not isinstance(value, Enum):
            for choice, word in self.choices.items():
                if isinstance(choice, Enum) and word.lower() == asked:
                    return choice
        known = ", ".join(str(option) for option in self.options)
        raise refusal(who, self.title, f"{value!r} is none of {known}")

    def _accept_number(self, value: Any, who: str, limits: Range | None) -> T:
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise refusal(who, self.title, f"{value!r} is not a number")
        number = float(value)
        if not math.isfinite(number) or (self.type is int and number != int(number)):
            kind = "a whole number" if self.type is int else "a finite number"
            raise refusal(who, self.title, f"{value!r} is not {kind}")
        self._check_limits(number, who, limits)
        if self.resolution:
            number = float(f"{round(number / self.resolution) * self.resolution:.12g}")
            self._check_limits(number, who, limits)
        return self.type(number)  # type: ignore[call-arg]  # int(number) or float(number)

    def _check_limits(self, number: float, who: str, limits: Range | None) -> None:
        if limits is not None and not limits.holds(number):
            shown = units.text(number, self.unit, digits=9)
            raise LimitError(
                f"{who}: {self.title.lower()} cannot be set to {shown}, which is outside "
                f"{limits.text(self.unit)}.",
                device=who,
                value=number,
                low=limits.low,
                high=limits.high,
                unit=self.unit,
            )


def _accept_text(value: Any, who: str, title: str) -> Any:
    if not isinstance(value, str):
        raise refusal(who, title, f"{value!r} is not text")
    return safe_text(value, who, title)


class BoundControl(BoundValue[T]):
    """A control of one instrument."""

    def __init__(self, group: Group, member: Control[T]) -> None:
        super().__init__(group, member)
        self.member: Control[T] = member  # more than any value

    async def set(self, value: T) -> None:
        """Set it, within limits, along its ramp where it has one.

        A ramp begins at what the instrument reads back and can be interrupted at any point by
        cancelling; the instrument then stays where it is.

        Raises:
            LimitError: Outside the limits as bench and instrument have them, or an output would
                go on while a limited member stands outside its own; nothing was sent.
            ValueRefusedError: No such value; nothing was sent.
            RefusedError: Stopped by E-STOP, or parked meanwhile.
            InstrumentError: The instrument did not take it.
            DeviceError: It could not be reached, or did not answer.
        """
        member = self.member
        accepted = await self._accepted(value)
        if not member.makes_safe(value):
            await self.access.require(self.path)
            if not isinstance(member.safe, Unset):
                await self.access.check_found(self.path)
        if member.rate is None:
            await self.write(accepted)
            return
        async with ramp_lock(self.group, member.name, is_safety=self.access.is_safety) as lane:
            number: Any = accepted
            await ramped(self, float(number), member.rate, lane)

    async def write(self, value: T, *, is_last: bool = True, since: int | None = None) -> None:
        """Write one value that was accepted, confirm it, and note it.

        Args:
            is_last: Whether the control stays there; a step on the way is not read back.
            since: Refuse it where the device lost settings since its `losses` were that.
        """
        member = self.member
        wanted = member.label(value)
        await self.access.tell(
            self.group.render(member.command, v=member.spelled(value)),
            timeout_s=member.timeout_s,
            member=self.path,
            value=wanted,
            completes=member.completes,
            confirm=self._read_back(wanted) if is_last and self._reads_back_sets() else None,
            since=since,
        )
        if member.reads_back:
            sample = await self.sample()
        else:
            sample = Sample(wanted, member.unit, "ok", clock.now())
        self.access.was_set(self.path, sample)

    def _reads_back_sets(self) -> bool:
        """Whether a set is read back; what the instrument chooses is asked in any case."""
        member = self.member
        if member.confirm in ("readback", "both"):
            return True
        return not member.confirm and not member.reads_back and not self.access.has_errors

    def _read_back(self, wanted: Any) -> ReadBack:
        """What reads it back, as part of the exchange that set it."""
        member = self.member

        def check(reply: str) -> None:
            sample = member.sample_of(reply)
            if not member.same(wanted, sample.value, reply):
                self.access.noted(self.path, sample)
                raise self._not_taken(wanted, sample)

        return self.group.render(member.query), check

    def _not_taken(self, wanted: Any, found: Sample) -> NotTakenError:
        member, who = self.member, self.access.name
        is_number = found.quality == "ok"
        shown = member.exactly(found.value) if is_number else f"no number ({found.quality})"
        return NotTakenError(
            f"{who}: {member.title.lower()} was set to {member.exactly(wanted)}, "
            f"but reads back as {shown}.",
            device=who, member=self.path, wanted=wanted, found=found.value, unit=member.unit,
        )  # fmt: skip

    async def is_on(self) -> bool:
        """Whether it holds another value than its safe one.

        What was last known to be on is believed; what was last known to be off is asked again.
        """
        member, sample = self.member, self.last
        if sample is None or sample.quality == "stale" or member.is_off(sample.value):
            sample = await self.sample()
        return not member.is_off(sample.value)

    async def _accepted(self, value: Any) -> T:
        member, who = self.member, self.access.name
        outer = self.access.limits(self.path)
        if not isinstance(member.limits, Depending) or self.access.is_safety:
            return member.accept(value, who=who, limits=outer)
        member.accept(value, who=who, limits=outer)  # refused without a question to anybody
        limits, _ = await self._moved_limits(member.limits, outer, afresh=False)
        try:
            return member.accept(value, who=who, limits=limits)
        except LimitError:
            limits, why = await self._moved_limits(member.limits, outer, afresh=True)
        try:
            return member.accept(value, who=who, limits=limits)
        except LimitError as error:
            raise LimitError(f"{error.message[:-1]} {why}.", device=who, **error.context) from None

    async def _moved_limits(
        self, limits: Depending, outer: Range | None, *, afresh: bool
    ) -> tuple[Range, str]:
        """The limits now, and what they follow from in words."""
        values, words = [], []
        for name in limits.names:
            bound = self.group.find(name)
            assert isinstance(bound, BoundValue)
            sample = bound.last
            if afresh or sample is None or sample.quality != "ok":
                sample = await bound.sample()
            if sample.value != sample.value:  # NaN: nobody knows the limit
                why = f"{bound.title.lower()} is not known ({sample.quality})"
                raise refusal(self.access.name, self.title, why)
            values.append(sample.value)
            words.append(f"{bound.title.lower()} is {bound.member.text(sample.value)}")
        return _both(limits.rule(*values), outer), f"while {' and '.join(words)}"


def _both(a: Range, b: Range | None) -> Range:
    """What lies within both."""
    if b is None:
        return a
    lows = [low for low in (a.low, b.low) if low is not None]
    highs = [high for high in (a.high, b.high) if high is not None]
    return Range(max(lows) if lows else None, min(highs) if highs else None)


def control(
    type: type[T],
    query: str,
    command: str,
    *,
    unit: str = "",
    limits: Range | Depending | None = None,
    choices: Mapping[T, str] | None = None,
    check: ValueCheck | None = None,
    resolution: float | None = None,
    reads_back: bool = False,
    rate: float | None = None,
    safe: T | Unset = UNSET,
    park: T | Unset = UNSET,
    completes: Completes = "",
    confirm: Confirm = "",
    tol: float | None = None,
    drifts: Drifts = "",
    follows: tuple[str, ...] = (),
    parse: Parse | None = None,
    missing: Missing | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    poll: float | None = None,
    deadband: float = 0.0,
    valid_s: float | None = None,
) -> Control[T]:
    """Declare something that can be set and read back; see `Control`."""
    return Control(
        type=type, query=query, command=command, unit=unit, limits=limits, choices=choices,
        check=check, resolution=resolution, reads_back=reads_back, rate=rate, safe=safe, park=park,
        completes=completes, confirm=confirm, tol=tol, drifts=drifts, follows=follows,
        title=title, doc=doc, source=source, timeout_s=timeout_s,
        requires=requires or {}, poll=poll,
        deadband=deadband, valid_s=valid_s, reader=reader_of(type, unit, parse, missing),
    )  # fmt: skip


def setting(
    type: type[T],
    query: str,
    command: str,
    *,
    unit: str = "",
    limits: Range | Depending | None = None,
    choices: Mapping[T, str] | None = None,
    check: ValueCheck | None = None,
    resolution: float | None = None,
    reads_back: bool = False,
    completes: Completes = "",
    confirm: Confirm = "",
    tol: float | None = None,
    drifts: Drifts = "",
    follows: tuple[str, ...] = (),
    parse: Parse | None = None,
    missing: Missing | None = None,
    title: str = "",
    doc: str = "",
    source: str = "",
    timeout_s: float | None = None,
    requires: Requires | None = None,
    valid_s: float | None = None,
) -> Control[T]:
    """Declare how the instrument works (range, integration time): a control of lesser rank."""
    return Control(
        type=type, query=query, command=command, unit=unit, limits=limits, choices=choices,
        check=check, resolution=resolution, reads_back=reads_back, completes=completes,
        confirm=confirm, tol=tol, drifts=drifts, follows=follows, title=title, doc=doc,
        source=source, timeout_s=timeout_s,
        requires=requires or {}, valid_s=valid_s, is_setting=True,
        reader=reader_of(type, unit, parse, missing),
    )  # fmt: skip
