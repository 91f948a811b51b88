"""Regular expressions: searching text by pattern."""

import functools
import re

from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Shelf
from funcnodes.errors import ExecutionError

_FOUND = [{"id": "match"}, {"id": "groups"}]
Found = tuple[bool, list[str]]


@basic_node("re.match", name="Match at the start", words=("regex", "pattern"), outputs=_FOUND)
def match_node(pattern: str, string: str) -> Found:
    """Whether the text begins with the pattern, and what its groups caught."""
    return _found(_compiled(pattern).match(string))


@basic_node("re.fullmatch", name="Match all", words=("regex", "pattern"), outputs=_FOUND)
def fullmatch_node(pattern: str, string: str) -> Found:
    """Whether the whole text fits the pattern, and what its groups caught."""
    return _found(_compiled(pattern).fullmatch(string))


@basic_node("re.search", name="Search pattern", words=("regex", "find"), outputs=_FOUND)
def search_node(pattern: str, string: str) -> Found:
    """Whether the pattern occurs anywhere in the text, and what its groups caught."""
    return _found(_compiled(pattern).search(string))


@basic_node("re.findall", name="Find all", words=("regex", "pattern"), outputs=[{"id": "matches"}])
def findall_node(pattern: str, string: str) -> list[list[str]]:
    """Each occurrence of the pattern as a list: its groups, or all of it where it has none."""
    return [list(each.groups("")) or [each.group()] for each in _compiled(pattern).finditer(string)]


@basic_node(
    "re.sub", name="Replace pattern", words=("regex", "substitute"),
    outputs=[{"id": "substituted"}],
)  # fmt: skip
def sub_node(pattern: str, repl: str, string: str) -> str:
    r"""The text with each occurrence replaced; \1 in the replacement is the first group."""
    return _compiled(pattern).sub(repl, string)


@basic_node(
    "re.subn", name="Replace and count", words=("regex", "substitute"),
    outputs=[{"id": "substituted"}, {"id": "count"}],
)  # fmt: skip
def subn_node(pattern: str, repl: str, string: str) -> tuple[str, int]:
    """The text with each occurrence replaced, and how many there were."""
    return _compiled(pattern).subn(repl, string)


@basic_node("re.escape", name="Escape pattern", words=("regex",), outputs=[{"id": "escaped"}])
def escape_node(pattern: str) -> str:
    """A pattern that fits exactly this text."""
    return re.escape(pattern)


@basic_node(
    "re.split", name="Split at pattern", words=("regex", "cut"), outputs=[{"id": "splitted"}]
)
def split_node(pattern: str, string: str) -> list[str]:
    """The pieces of the text between occurrences of the pattern; its groups are pieces too."""
    return [piece or "" for piece in _compiled(pattern).split(string)]


@functools.lru_cache(64)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ExecutionError(f"pattern is not a pattern: {error}.", port="pattern") from error


def _found(match: re.Match[str] | None) -> Found:
    return match is not None, list(match.groups("")) if match is not None else []


NODE_SHELF = Shelf(
    [
        match_node, fullmatch_node, search_node, findall_node, sub_node, subn_node, escape_node,
        split_node,
    ],
    name="Patterns",
    description="Regular expressions.",
)  # fmt: skip
