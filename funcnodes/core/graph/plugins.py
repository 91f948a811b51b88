"""Plugins: what installed packages add to funcnodes besides shelves of their own.

A package names one function under the entry-point group `funcnodes.plugin`; it is called with a
`Plugin` and says what it brings. All of it counts once the function has returned, or none of it:
one that raises is reported by name, and is not fatal.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from funcnodes.core import codec, foreign, previews, types
from funcnodes.core.codec import Codec
from funcnodes.core.graph.shelves import Shelf

GROUP = "funcnodes.plugin"
_log = logging.getLogger(__name__)


class Plugin:
    """What one package brings; handed to its function.

    Attributes:
        name: Of its entry point.
        shelves: What it has on offer.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.shelves: list[Shelf] = []
        self._steps: list[Callable[[], None]] = []

    def add_shelf(self, shelf: Shelf) -> None:
        """Offer node classes."""
        if not isinstance(shelf, Shelf):
            raise TypeError(f"{type(shelf).__name__} is not a Shelf")
        shelf.check()
        self.shelves.append(shelf)

    def add_type(self, kind: type, *, looks_like: types.Kind = "any", name: str = "") -> None:
        """Say what ports annotated with `kind` look like; values are checked to be of it.

        Args:
            looks_like: One of the kinds of ports, which is shape and colour on the card.
            name: What a person reads; the class's name by default.
        """
        if looks_like not in types.KINDS:
            raise ValueError(f"{looks_like!r} is not one of {', '.join(types.KINDS)}")
        base = kind if looks_like == "any" else None
        found = types.PortType(looks_like, name or kind.__name__, base=base)
        self._steps.append(lambda: types.add_type(kind, found))

    def add_codec(self, added: Codec) -> None:
        """Say how values of a class are saved and read."""
        self._steps.append(lambda: codec.add_codec(added))

    def register(self, kind: type, *, name: str = "") -> None:
        """Let values of an enum or a record come back from files; see `codec.register`."""
        if not (codec.is_record(kind) or codec.is_enum(kind)):
            raise TypeError(f"{kind.__name__} is neither an enum nor a record")
        self._steps.append(lambda: codec.register(kind, name=name))

    def add_preview(self, kind: type, preview: previews.Preview) -> None:
        """Say what is shown of values of a class, in some words."""
        self._steps.append(lambda: previews.add_preview(kind, preview))

    def apply(self) -> None:
        """Let all of it count."""
        for step in self._steps:
            step()


@dataclass(slots=True)
class Plugins:
    """What was found: shelves in order, and why what is missing is missing."""

    shelves: list[Shelf] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


_applied: dict[str, Plugin] = {}  # by the value of the entry point


def installed() -> Plugins:
    """What the plugins of installed packages bring; each is called once per process."""
    return load(entry_points(group=GROUP))


def load(entries: Iterable[EntryPoint]) -> Plugins:
    """The same, from these entry points."""
    found = Plugins()
    for entry in entries:
        try:
            plugin = _applied.get(entry.value) or _called(entry)
        except BaseException as error:  # somebody else's package: anything can happen
            found.broken[entry.name] = why = foreign.words(error)
            _log.warning("The plugin %r (%s) cannot be loaded: %s", entry.name, entry.value, why)
            continue
        found.shelves += plugin.shelves
    return found


def _called(entry: EntryPoint) -> Plugin:
    plugin = Plugin(entry.name)
    bring: Any = entry.load()
    bring(plugin)
    plugin.apply()
    _applied[entry.value] = plugin
    return plugin
