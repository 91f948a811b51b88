"""The tree of command headers: declared once in a manual's notation, matched as SCPI says.

A declaration such as `[:SOURce#]:VOLTage[:LEVel]` names each node by its long form with the short
form in capitals; brackets make a node optional, `#` lets it carry a numeric suffix: only 1, 1 to 4
(`#4`) or 0 to 7 (`#0-7`). Left out it is 1, or the least there is. Matching accepts the exact short
form and the exact long form, in any case, and nothing in between (SCPI-99 volume 1, 6.2.1).
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from funcnodes_simulators.scpi.errors import ScpiError

T = TypeVar("T")

LONGEST_MNEMONIC = 12
_DECLARED_NODE = re.compile(r"(\[?):?([A-Z]+)([a-z]*)(\d*)(?:(#)(?:(\d+)-)?(\d*))?(\]?)")
_TYPED_MNEMONIC = re.compile(r"([A-Z][A-Z0-9_]*?)(\d*)")


@dataclass(frozen=True, slots=True)
class Mnemonic:
    """One name of a header, in both its forms.

    Attributes:
        suffixes: The numeric suffixes that it may carry; none when empty.
    """

    short: str
    long: str
    suffixes: range
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Declared(Generic[T]):
    """What stands at one spelling of a header.

    Attributes:
        target: What it means.
        slots: For each mnemonic of the declaration that carries a suffix, where in this spelling
            it stands, None if it was left out, and the suffixes that it may carry.
        defaults: The suffixes of a header without any.
    """

    target: T
    slots: tuple[tuple[int | None, range], ...]
    defaults: tuple[int, ...]

    def suffixes(self, typed: tuple[int | None, ...]) -> tuple[int, ...]:
        """Return the suffixes of a header that was typed, one per `#` of the declaration.

        Raises:
            ScpiError: -114 when one is out of range.
        """
        if typed.count(None) == len(typed):
            return self.defaults
        given = [(None if at is None else typed[at], allowed) for at, allowed in self.slots]
        if not all(suffix is None or suffix in allowed for suffix, allowed in given):
            raise ScpiError(-114)
        return tuple(_default(allowed) if suffix is None else suffix for suffix, allowed in given)


@dataclass(slots=True)
class HeaderNode(Generic[T]):
    """A place in the tree; `command` and `query` are what stands there, if anything does."""

    children: "dict[str, HeaderNode[T]]" = field(default_factory=dict)
    suffixes: range = range(0)
    command: Declared[T] | None = None
    query: Declared[T] | None = None


@dataclass(frozen=True, slots=True)
class Place(Generic[T]):
    """A node that was reached, and the suffix typed at each mnemonic on the way to it."""

    node: HeaderNode[T]
    suffixes: tuple[int | None, ...] = ()


def parse_declaration(declaration: str) -> list[Mnemonic]:
    """Split a declared header into its mnemonics.

    Raises:
        ValueError: The declaration is not in the manual's notation.
    """
    mnemonics: list[Mnemonic] = []
    position = 0
    while position < len(declaration):
        match = _DECLARED_NODE.match(declaration, position)
        if match is None or bool(match[1]) != bool(match[8]):
            raise ValueError(f"{declaration!r} is not a SCPI header declaration")
        capitals, rest, digits = match[2], match[3], match[4]
        suffixes = range(int(match[6] or 1), int(match[7] or 1) + 1) if match[5] else range(0)
        mnemonics.append(
            Mnemonic(
                capitals + digits, (capitals + rest).upper() + digits, suffixes, bool(match[1])
            )
        )
        position = match.end()
    return mnemonics


def short_and_long(declared: str) -> tuple[str, str]:
    """Return both forms of one declared word: `VOLTage` gives `VOLT` and `VOLTAGE`."""
    (mnemonic,) = parse_declaration(declared)
    return mnemonic.short, mnemonic.long


class HeaderTree(Generic[T]):
    """Every header an instrument understands."""

    def __init__(self) -> None:
        self.root: HeaderNode[T] = HeaderNode()
        self.declarations: dict[str, tuple[str, str]] = {}  # short and long spelling of each

    def declare(self, declaration: str, target: T) -> None:
        """Add a header; one that ends in `?` declares the query form.

        Raises:
            ValueError: The notation is wrong, or the header is taken.
        """
        is_query = declaration.endswith("?")
        mnemonics = parse_declaration(declaration.removesuffix("?"))
        for path in _spellings(mnemonics):
            node = self.root
            for mnemonic in path:
                node = _child(node, mnemonic)
            if (node.query if is_query else node.command) is not None:
                raise ValueError(f"{declaration!r} is declared twice")
            slots = _slots(mnemonics, path)
            declared = Declared(target, slots, tuple(_default(allowed) for _, allowed in slots))
            if is_query:
                node.query = declared
            else:
                node.command = declared
        self.declarations[declaration] = _both_spellings(mnemonics, "?" if is_query else "")

    def descend(self, start: Place[T], typed: list[str]) -> Place[T]:
        """Follow typed mnemonics from a place.

        Raises:
            ScpiError: -112, -113 or -114, as the header deserves.
        """
        node, suffixes = start.node, list(start.suffixes)
        for word in typed:
            node, suffix = _step(node, word.upper())
            suffixes.append(suffix)
        return Place(node, tuple(suffixes))

    def nearest(self, typed: str) -> str | None:
        """Return the declaration that looks most like a header as it was typed."""
        return nearest_name(typed, self.declarations)


def nearest_name(typed: str, spellings: "dict[str, tuple[str, str]]") -> str | None:
    """Return the key one of whose spellings looks most like a text; None if none does."""
    wanted = re.sub(r"\d+(?=:|\?|$)", "", typed.upper().removeprefix(":"))[:100]
    names = {form.removeprefix(":"): name for name, forms in spellings.items() for form in forms}
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def _both_spellings(mnemonics: Iterable[Mnemonic], mark: str) -> tuple[str, str]:
    """Return a header's shortest spelling and its longest."""
    mnemonics = list(mnemonics)
    short = ":".join(m.short for m in mnemonics if not m.is_optional)
    return short + mark, ":".join(m.long for m in mnemonics) + mark


def _slots(mnemonics: list[Mnemonic], path: list[Mnemonic]) -> tuple[tuple[int | None, range], ...]:
    places = {id(mnemonic): at for at, mnemonic in enumerate(path)}
    numbered = [mnemonic for mnemonic in mnemonics if mnemonic.suffixes]
    return tuple((places.get(id(m)), m.suffixes) for m in numbered)


def _default(allowed: range) -> int:
    return 1 if 1 in allowed else allowed.start


def _spellings(mnemonics: list[Mnemonic]) -> Iterator[list[Mnemonic]]:
    if not mnemonics:
        yield []
        return
    first, *rest = mnemonics
    for tail in _spellings(rest):
        yield [first, *tail]
        if first.is_optional:
            yield tail


def _child(node: HeaderNode[T], mnemonic: Mnemonic) -> HeaderNode[T]:
    forms = (mnemonic.short, mnemonic.long)
    known = [node.children.get(form) for form in forms]
    child = known[0] or HeaderNode(suffixes=mnemonic.suffixes)
    if known != [None, None] and known != [child, child]:
        raise ValueError(f"{' or '.join(forms)} already means something else here")
    node.children.update(dict.fromkeys(forms, child))
    child.suffixes = _both_ranges(child.suffixes, mnemonic.suffixes)
    return child


def _both_ranges(one: range, other: range) -> range:
    if not (one and other):
        return one or other
    return range(min(one.start, other.start), max(one.stop, other.stop))


def _step(node: HeaderNode[T], word: str) -> tuple[HeaderNode[T], int | None]:
    exact = node.children.get(word)
    if exact is not None:
        return exact, None
    if len(word) > LONGEST_MNEMONIC:
        raise ScpiError(-112)
    match = _TYPED_MNEMONIC.fullmatch(word)
    child = node.children.get(match[1]) if match else None
    if match is None or child is None or not child.suffixes:
        raise ScpiError(-113)
    if int(match[2]) not in child.suffixes:
        raise ScpiError(-114)
    return child, int(match[2])
