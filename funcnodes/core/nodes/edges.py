"""Edges: whether two ports fit, and what follows when an edge was made or has gone.

An edge starts from an output, or from an input that forwards. Its ends are named here only by what
is asked of them.
"""

from collections.abc import Callable
from typing import Any, Protocol

from funcnodes.core.running import topology
from funcnodes.core.running.surface import Convert
from funcnodes.core.types import PortType, Range, conversion
from funcnodes.errors import PortMismatchError, SameNodeConnectionError


class PortOwner(Protocol):
    """A node, as far as edges concern it."""

    @property
    def name(self) -> str: ...

    @property
    def uuid(self) -> str: ...

    def check_unlocked(self) -> None:
        """Raise RefusedError while a run holds the structure as it is (A2)."""

    def edges_changed(self) -> None:
        """An edge of it came or went."""


class Start(Protocol):
    """A port from which an edge starts."""

    @property
    def id(self) -> str: ...

    @property
    def full_id(self) -> str: ...

    @property
    def _where(self) -> str:
        """Its node's name and its own, for people."""

    @property
    def type(self) -> PortType: ...

    @property
    def node(self) -> PortOwner: ...

    def tell(self, event: str, **data: Any) -> None:
        """Tell listeners."""


class Goal(Start, Protocol):
    """An input to which an edge leads."""

    @property
    def limits(self) -> Range: ...

    @property
    def options(self) -> tuple[Any, ...]: ...

    @property
    def sources(self) -> "list[Any]":
        """Where its edges start."""

    def check_limits(self, value: Any) -> None:
        """Raise ValueRefusedError where the value is outside the limits or options."""

    def why_unchecked(self, source: Start) -> str | None:
        """Why an edge from `source` would not fit, where it is let through unchecked."""

    def unset(self) -> None:
        """Go back to the default, without triggering."""

    def type_for(self, source: Any) -> PortType:
        """The type in which it takes what `source` gives."""

    def follow(self) -> None:
        """What feeds it, or what that is called, has changed."""


def fit(source: Start, target: Goal) -> Convert | None:
    """Whether an edge would fit, and how it converts and checks.

    An edge of an older file that is marked as not checked fits, and hands values on as they are;
    into an on/off value as Python takes them there.

    Raises:
        SameNodeConnectionError: Both belong to one node.
        PortMismatchError: Type or dimension does not fit.
    """
    if target.why_unchecked(source) is not None:
        return bool if target.type.kind == "bool" else None  # as `if value` takes it
    if target.node is source.node:
        raise SameNodeConnectionError(f"{source.node.name} cannot be wired to itself.")
    try:
        convert = conversion(source.type, target.type_for(source))
    except PortMismatchError as error:
        raise PortMismatchError(
            f"{source._where} cannot be wired to {target._where}: {error.message}",
            source=source.full_id, target=target.full_id,
        ) from error  # fmt: skip
    return _checked(target, convert) if _is_limited(target) else convert


def check_unlocked(source: Start, target: Goal) -> None:
    """Raise RefusedError where a run holds one of the two ends as it is (A2)."""
    source.node.check_unlocked()
    target.node.check_unlocked()


def made(source: Start, target: Goal) -> None:
    """An edge was made."""
    changed(source, target)
    source.tell("connect", other=target)
    target.tell("connect", other=source)


def gone(source: Start, target: Goal) -> None:
    """An edge was taken away; an input without any goes back to its default (no triggering)."""
    target.sources.remove(source)
    changed(source, target)
    if not target.sources:
        target.unset()
    source.tell("disconnect", other=target)
    target.tell("disconnect", other=source)


def changed(source: Start, target: Goal) -> None:
    """An edge came or went in silence."""
    topology.changed()
    source.node.edges_changed()
    target.node.edges_changed()
    target.follow()


def _is_limited(inp: Goal) -> bool:
    limits = inp.limits
    return limits.low is not None or limits.high is not None or bool(inp.options)


def _checked(inp: Goal, convert: Convert | None) -> Callable[[Any], Any]:
    """Conversion, then the limits of an input that has some."""

    def convert_and_check(value: Any) -> Any:
        if convert is not None:
            value = convert(value)
        inp.check_limits(value)
        return value

    return convert_and_check
