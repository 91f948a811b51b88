"""Names that are taken: what every node keeps for itself, no class of somebody else's may use.

One that assigned `self._task`, or defined a method `_call`, would break the engine without a word.
So it is refused as it is made. What is assigned from outside the class is not seen.
"""

import dis
from collections.abc import Iterable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from funcnodes.errors import GraphError


def check_names(cls: type, base: type) -> None:
    """Raise GraphError where `cls`, made on `base`, uses a name that `base` keeps for itself."""
    kept = _kept(base)
    for part in _parts(cls, base):
        members = vars(part)
        defined = sorted(kept & members.keys() - _given(base))
        assigned = [
            f"self.{name}"
            for function in _functions(members.values())
            for name in _assigned(function.__code__, kept)
        ]
        for name in defined + assigned:
            raise GraphError(
                f"{cls.__qualname__} {'defines' if name in kept else 'assigns'} {name}, which "
                "every node keeps for itself.",
                hint="Give the attribute another name.",
            )


@cache
def _kept(base: type) -> frozenset[str]:
    """Slots, private members, and the private attributes that the constructor assigns."""
    found: set[str] = set()
    for each in base.__mro__[:-1]:
        members = vars(each)
        found.update(members.get("__slots__", ()), filter(_is_private, members))
        if isinstance(made := members.get("__init__"), FunctionType):
            private = frozenset(filter(_is_private, made.__code__.co_names))
            found.update(_assigned(made.__code__, private))
    return frozenset(name for name in found if not name.startswith("__"))


@cache
def _given(base: type) -> frozenset[str]:
    """What `base` itself assigns on each class made on it, so that a copy of one has it already."""
    return frozenset(_assigned(base.__init_subclass__.__code__, _kept(base)))


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _parts(cls: type, base: type) -> Iterator[type]:
    """The class, and what it mixes in that is no node; its other bases were checked before."""
    yield cls
    for other in cls.__mro__[1:]:
        if other not in base.__mro__ and not issubclass(other, base):
            yield other


def _functions(members: Iterable[Any]) -> Iterator[FunctionType]:
    """Those that are called with the instance first; of a property all of its own."""
    for member in members:
        for found in (member, *(getattr(member, part, None) for part in ("fget", "fset", "fdel"))):
            if isinstance(found, FunctionType):
                yield found


def _assigned(code: CodeType, names: frozenset[str]) -> Iterator[str]:
    """Which of `names` are assigned on the first argument, by functions inside too."""
    return _assigned_on(code.co_varnames[0], code, names) if code.co_argcount else iter(())


def _assigned_on(owner: str, code: CodeType, names: frozenset[str]) -> Iterator[str]:
    if not names.isdisjoint(code.co_names):
        loaded = None
        for step in dis.get_instructions(code):
            if step.opname == "EXTENDED_ARG":
                continue
            if step.opname == "STORE_ATTR" and loaded == owner and step.argval in names:
                yield step.argval
            is_variable = "LOAD_FAST" in step.opname or step.opname == "LOAD_DEREF"
            loaded = step.argval if is_variable else None
            if isinstance(loaded, tuple):  # two variables in one step, from Python 3.13 on
                loaded = loaded[-1]
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and owner in inner.co_freevars:
            yield from _assigned_on(owner, inner, names)
