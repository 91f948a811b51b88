"""The tree of command headers: declared once in a manual's notation, matched as SCPI says.

A declaration such as `[:SOURce#]:VOLTage[:LEVel]` names each node by its long form with the short
form in capitals; brackets make a node optional, `#` lets it carry a numeric suffix (1 unless a
limit follows: `#4`). Matching accepts the exact short form and the exact long form, in any case,
and nothing in between (SCPI-99 volume 1, 6.2.1).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from funcnodes_simulators.scpi.errors import ScpiError

T = TypeVar("T")

LONGEST_MNEMONIC = 12
_DECLARED_NODE = re.compile(r"(\[?):?([A-Z]+)([a-z]*)(\d*)(?:(#)(\d*))?(\]?)")
_TYPED_MNEMONIC = re.compile(r"([A-Z][A-Z0-9_]*?)(\d*)")


@dataclass(frozen=True, slots=True)
class Mnemonic:
    """One name of a header, in both its forms."""

    short: str
    long: str
    suffix_limit: int
    is_optional: bool


@dataclass(slots=True)
class HeaderNode(Generic[T]):
    """A place in the tree; `command` and `query` are what stands there, if anything does."""

    children: "dict[str, HeaderNode[T]]" = field(default_factory=dict)
    suffix_limit: int = 0
    command: T | None = None
    query: T | None = None


def parse_declaration(declaration: str) -> list[Mnemonic]:
    """Split a declared header into its mnemonics.

    Raises:
        ValueError: The declaration is not in the manual's notation.
    """
    mnemonics: list[Mnemonic] = []
    position = 0
    while position < len(declaration):
        match = _DECLARED_NODE.match(declaration, position)
        if match is None or bool(match[1]) != bool(match[7]):
            raise ValueError(f"{declaration!r} is not a SCPI header declaration")
        capitals, rest, digits = match[2], match[3], match[4]
        limit = int(match[6] or 1) if match[5] else 0
        mnemonics.append(
            Mnemonic(capitals + digits, (capitals + rest).upper() + digits, limit, bool(match[1]))
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
            if is_query:
                node.query = target
            else:
                node.command = target

    def descend(self, start: HeaderNode[T], typed: list[str]) -> HeaderNode[T]:
        """Follow typed mnemonics from a node.

        Raises:
            ScpiError: -112, -113 or -114, as the header deserves.
        """
        node = start
        for word in typed:
            node = _step(node, word.upper())
        return node


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
    child = node.children.get(mnemonic.long)
    if child is None:
        child = HeaderNode(suffix_limit=mnemonic.suffix_limit)
        for form in (mnemonic.short, mnemonic.long):
            if node.children.setdefault(form, child) is not child:
                raise ValueError(f"{form} already means something else here")
    return child


def _step(node: HeaderNode[T], word: str) -> HeaderNode[T]:
    exact = node.children.get(word)
    if exact is not None:
        return exact
    if len(word) > LONGEST_MNEMONIC:
        raise ScpiError(-112)
    match = _TYPED_MNEMONIC.fullmatch(word)
    child = node.children.get(match[1]) if match else None
    if match is None or child is None or child.suffix_limit == 0:
        raise ScpiError(-113)
    if not 1 <= int(match[2]) <= child.suffix_limit:
        raise ScpiError(-114)
    return child
