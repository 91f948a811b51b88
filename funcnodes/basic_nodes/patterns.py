"""Regular expressions: searching text by pattern.

A pattern may take longer than the universe lasts, so each search ends after 0.4 s, and others go
on meanwhile.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Shelf
from funcnodes.errors import ExecutionError

if TYPE_CHECKING:
    import regex

LONGEST = 10_000_000
LONGEST_PATTERN = 5_000
MOST_PIECES = 1_000_000
SEARCH_S = 0.4
_BOUNDS: dict[str, Any] = {"timeout": SEARCH_S, "concurrent": True}
_FOUND = [{"id": "match"}, {"id": "groups"}]
Found = tuple[bool, list[str]]
T = TypeVar("T")


@basic_node(
    "re.match", hands_on=True, name="Match at the start", words=("regex", "pattern"), outputs=_FOUND
)
def match_node(pattern: str, string: str) -> Found:
    """Whether the text begins with the pattern, and what its groups caught."""
    return _found(_searched(pattern, lambda p: p.match(string, **_BOUNDS)))


@basic_node(
    "re.fullmatch", hands_on=True, name="Match all", words=("regex", "pattern"), outputs=_FOUND
)
def fullmatch_node(pattern: str, string: str) -> Found:
    """Whether the whole text fits the pattern, and what its groups caught."""
    return _found(_searched(pattern, lambda p: p.fullmatch(string, **_BOUNDS)))


@basic_node(
    "re.search", hands_on=True, name="Search pattern", words=("regex", "find"), outputs=_FOUND
)
def search_node(pattern: str, string: str) -> Found:
    """Whether the pattern occurs anywhere in the text, and what its groups caught."""
    return _found(_searched(pattern, lambda p: p.search(string, **_BOUNDS)))


@basic_node(
    "re.findall",
    hands_on=True,
    name="Find all",
    words=("regex", "pattern"),
    outputs=[{"id": "matches"}],
)
def findall_node(pattern: str, string: str) -> list[list[str]]:
    """Each occurrence of the pattern as a list: its groups, or all of it where it has none."""
    return [list(each.groups("")) or [each.group()] for each in _each(pattern, string)]


@basic_node(
    "re.sub", hands_on=True, name="Replace pattern", words=("regex", "substitute"),
    outputs=[{"id": "substituted"}],
)  # fmt: skip
def sub_node(pattern: str, repl: str, string: str) -> str:
    r"""The text with each occurrence replaced; \1 in the replacement is the first group."""
    return _substituted(pattern, repl, string)[0]


@basic_node(
    "re.subn", hands_on=True, name="Replace and count", words=("regex", "substitute"),
    outputs=[{"id": "substituted"}, {"id": "count"}],
)  # fmt: skip
def subn_node(pattern: str, repl: str, string: str) -> tuple[str, int]:
    """The text with each occurrence replaced, and how many there were."""
    return _substituted(pattern, repl, string)


@basic_node(
    "re.escape", hands_on=True, name="Escape pattern", words=("regex",), outputs=[{"id": "escaped"}]
)
def escape_node(pattern: str) -> str:
    """A pattern that fits exactly this text."""
    return re.escape(pattern)


@basic_node(
    "re.split",
    hands_on=True,
    name="Split at pattern",
    words=("regex", "cut"),
    outputs=[{"id": "splitted"}],
)
def split_node(pattern: str, string: str) -> list[str]:
    """The pieces of the text between occurrences of the pattern; its groups are pieces too."""
    pieces, end = list[str](), 0
    for match in _each(pattern, string):
        pieces += [string[end : match.start()], *match.groups("")]
        end = match.end()
    return [*pieces, string[end:]]


def _each(pattern: str, string: str) -> "Iterator[regex.Match[str]]":
    """Each occurrence, one after the other."""
    found = _searched(pattern, lambda p: p.finditer(string, **_BOUNDS))
    for _ in range(MOST_PIECES):
        match = _searched(pattern, lambda _: next(found, None))
        if match is None:
            return
        yield match
    raise ExecutionError(f"The pattern occurs over {MOST_PIECES} times.", port="pattern")


def _substituted(pattern: str, repl: str, string: str) -> tuple[str, int]:
    """The text with each occurrence replaced, and how many there were."""
    pieces, end, length, count = list[str](), 0, 0, 0
    for match in _each(pattern, string):
        more = [string[end : match.start()], _expanded(match, repl)]
        pieces += more
        end, count, length = match.end(), count + 1, length + sum(map(len, more))
        if length > LONGEST:
            raise ExecutionError(f"The text would have over {LONGEST} characters.", port="repl")
    return "".join([*pieces, string[end:]]), count


def _expanded(match: "regex.Match[str]", repl: str) -> str:
    import regex

    try:
        return match.expand(repl) if "\\" in repl else repl
    except (regex.error, IndexError) as error:
        raise ExecutionError(f"repl is no replacement: {error}.", port="repl") from error


def _searched(pattern: str, search: "Callable[[regex.Pattern[str]], T]") -> T:
    """What a search gives, if it ends soon."""
    try:
        return search(_compiled(pattern))
    except TimeoutError as error:
        raise ExecutionError(
            f"The search took over {SEARCH_S:g} s: the pattern is too intricate for this text.",
            port="pattern",
        ) from error


@functools.lru_cache(64)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    import regex

    if len(pattern) > LONGEST_PATTERN:
        raise ExecutionError(
            f"pattern has {len(pattern)} characters; {LONGEST_PATTERN} are possible.",
            port="pattern",
        )
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise ExecutionError(f"pattern is not a pattern: {error}.", port="pattern") from error


def _found(match: "regex.Match[str] | None") -> Found:
    return match is not None, list(match.groups("")) if match is not None else []


NODE_SHELF = Shelf(
    [
        match_node, fullmatch_node, search_node, findall_node, sub_node, subn_node, escape_node,
        split_node,
    ],
    name="Patterns",
    description="Regular expressions.",
)  # fmt: skip
