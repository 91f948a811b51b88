"""Lines of a program, by indentation."""

from collections.abc import Iterator
from contextlib import contextmanager

INDENT = "    "
WIDTH = 100


class ScriptLines:
    """Collects lines; a block that stays empty gets a `pass`."""

    def __init__(self, depth: int = 0) -> None:
        self.text: list[str] = []
        self._depth = depth
        self._guard = ""

    def add(self, line: str, *, guard: str = "") -> None:
        """One line; under `if guard:`, which those that follow each other share."""
        if guard != self._guard:
            self._guard = guard
            if guard:
                self.text.append(f"{INDENT * self._depth}if {guard}:")
        depth = self._depth + bool(guard)
        self.text += broken(line, depth)

    @contextmanager
    def block(self, head: str, *, guard: str = "") -> Iterator[None]:
        """What is inside it, one step further in."""
        self.add(head, guard=guard)
        before, self._guard = (self._depth, self._guard), ""
        self._depth += 1 + bool(guard)
        began = len(self.text)
        try:
            yield
        finally:
            if len(self.text) == began:
                self.text.append(f"{INDENT * self._depth}pass")
            self._depth, self._guard = before


def broken(line: str, depth: int) -> list[str]:
    """A line, or what its last bracket holds over several of them where it is too long."""
    line, comma = line.removesuffix(","), "," if line.endswith(",") else ""
    whole = f"{INDENT * depth}{line}{comma}"
    opened = _opening(line) if line.endswith((")", "}")) else -1
    if len(whole) <= WIDTH or opened < 0:
        return [whole]
    head, inside, tail = line[: opened + 1], line[opened + 1 : -1], line[-1]
    if inside.startswith("{") and inside.endswith("}"):  # a dictionary alone: as one
        head, inside, tail = head + "{", inside[1:-1], "}" + tail
    inner = f"{INDENT * (depth + 1)}{inside},"
    if len(inner) > WIDTH:
        rows = [row for part in _parts(inside) for row in broken(f"{part},", depth + 1)]
    else:
        rows = [inner]
    return [f"{INDENT * depth}{head}", *rows, f"{INDENT * depth}{tail}{comma}"]


def _opening(line: str) -> int:
    """Where the bracket opens that the last one closes."""
    depth, last = 0, -1
    for place, letter in _outside_quotes(line):
        if letter in "([{":
            depth += 1
            if depth == 1:
                last = place
        elif letter in ")]}":
            depth -= 1
    return last


def _parts(text: str) -> list[str]:
    """What stands between the outermost commas."""
    depth, began, parts = 0, 0, []
    for place, letter in _outside_quotes(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[began:place].strip())
            began = place + 1
    return [*parts, text[began:].strip()]


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    quote, escaped = "", False
    for place, letter in enumerate(text):
        if quote:
            if not escaped and letter == quote:
                quote = ""
            escaped = letter == "\\" and not escaped
        elif letter in "\"'":
            quote = letter
        else:
            yield place, letter
