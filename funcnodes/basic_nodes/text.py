"""Text: joining, cutting, searching, testing, and bytes of it."""

import functools
import string
from typing import Annotated, Any, Literal

from funcnodes.basic_nodes.define import basic_node, describe, formula, not_a
from funcnodes.basic_nodes.patterns import NODE_SHELF as PATTERNS
from funcnodes.core import Node, NodeDecorator, Range, Shelf
from funcnodes.core.units import text as quantity_text
from funcnodes.errors import ExecutionError

LONGEST = 10_000_000
MOST_WRITTEN = 500_000
Width = Annotated[int, Range(0, 100_000)]
Encoding = Literal["utf-8", "utf_8", "ascii", "latin-1", "cp1252", "cp437", "utf-16", "utf-32"]
OnError = Literal[
    "strict", "replace", "ignore", "xmlcharrefreplace", "backslashreplace", "namereplace"
]
_formula = functools.partial(formula, module=__name__, icon="text")


def _method(name: str, title: str, output: str, doc: str, *words: str, out: Any = str,
            also: dict[str, Any] | None = None) -> type[Node]:  # fmt: skip
    """A node of a method of `str` under its name there; `s` is the text itself."""
    inputs = {"s": str, **(also or {})}
    return _formula(f"string.{name}", title, getattr(str, name), doc, inputs=inputs, out=out,
                    outputs=[{"id": output}], words=(name, *words))  # fmt: skip


def _test(name: str, title: str, output: str, doc: str) -> type[Node]:
    return _method(name, title, output, doc, "test", out=bool)


CASES = [
    _method("upper", "Upper case", "upper", "The text in capitals.", "capitals"),
    _method("lower", "Lower case", "lower", "The text in small letters."),
    _method("capitalize", "Capitalise", "capitalized", "The first letter large, the rest small."),
    _method("title", "Title case", "titled", "Each word with a capital."),
    _method("swapcase", "Swap case", "swapped", "Capitals small, and small letters large."),
]
FINDING = [
    _method("startswith", "Starts with", "starts_with", "Whether the text begins with a prefix.",
            out=bool, also={"prefix": str}),
    _method("endswith", "Ends with", "ends_with", "Whether the text ends with a suffix.",
            out=bool, also={"suffix": str}),
    _method("count", "Count in text", "count", "How often a piece occurs in the text.",
            out=int, also={"sub": str}),
    _method("find", "Find", "index", "Where a piece first occurs, from 0; −1 where it does not.",
            out=int, also={"sub": str}),
    _method("rfind", "Find last", "index", "Where a piece last occurs, from 0; −1 where it does "
            "not.", out=int, also={"sub": str}),
]  # fmt: skip
TESTS = [
    _test("isalnum", "Is letters and digits", "is_alphanumeric",
          "Whether the text consists of letters and digits."),
    _test("isalpha", "Is letters", "is_alphabetical", "Whether the text consists of letters."),
    _test("isdigit", "Is digits", "is_digit", "Whether the text consists of digits, ² included."),
    _test("isdecimal", "Is decimal digits", "is_decimal", "Whether the text consists of 0 to 9."),
    _test("isnumeric", "Is numerals", "is_numeric", "Whether the text consists of numerals, such "
          "as ½ too."),
    _test("islower", "Is lower case", "is_lowercase", "Whether there are no capitals in it."),
    _test("isupper", "Is upper case", "is_uppercase", "Whether there are no small letters in it."),
    _test("istitle", "Is title case", "is_title", "Whether each word begins with a capital."),
    _test("isspace", "Is white space", "is_space", "Whether the text is white space alone."),
    _test("isprintable", "Is printable", "is_printable", "Whether all of the text can be seen."),
    _test("isidentifier", "Is a name", "is_identifier", "Whether the text may name a variable."),
    _test("isascii", "Is ASCII", "is_ascii", "Whether the text consists of ASCII characters."),
]  # fmt: skip


@NodeDecorator("string.input", name="Text input", icon="text", outputs=[{"id": "string"}])
def input_node(s: str) -> str:
    """Text, passed on as it is."""
    return s


@basic_node("string.length", name="Length of text", icon="text", outputs=[{"id": "length"}])
def length_node(s: str) -> int:
    """How many characters the text has."""
    return len(s)


@basic_node(
    "string.concat", name="Concatenate", icon="text", words=("join", "append", "+"),
    outputs=[{"id": "concatenated"}],
)  # fmt: skip
def concat_node(s1: str, s2: str) -> str:
    """Two texts, one after the other."""
    return _bounded(s1 + s2)


@basic_node(
    "string.split", name="Split text", icon="text", words=("cut", "csv"),
    outputs=[{"id": "split"}],
)  # fmt: skip
def split_node(s: str, delimiter: str | None = None) -> list[str]:
    """The pieces between delimiters; between white space where none is given."""
    return s.split(delimiter or None)


@basic_node(
    "string.join", name="Join texts", icon="text", words=("concatenate",),
    outputs=[{"id": "joined"}],
)  # fmt: skip
def join_node(strings: list[Any], delimiter: str = "") -> str:
    """The texts of a list as one, with a delimiter in between; numbers are written out."""
    _check_length(len(delimiter) * len(strings))
    pieces, length = list[str](), len(delimiter) * len(strings)
    for item in strings:
        pieces.append(_written(item))
        length += len(pieces[-1])
        _check_length(length)
    return delimiter.join(pieces)


@basic_node(
    "string.replace", name="Replace in text", icon="text", words=("substitute",),
    outputs=[{"id": "replaced"}],
)  # fmt: skip
def replace_node(s: str, old: str, new: str) -> str:
    """The text with each occurrence of one piece replaced by another."""
    _check_length(len(s) + s.count(old) * (len(new) - len(old)))
    return s.replace(old, new)


@basic_node(
    "string.strip", name="Strip", icon="text", words=("trim", "white space"),
    outputs=[{"id": "stripped"}],
)  # fmt: skip
def strip_node(s: str, chars: str | None = None) -> str:
    """The text without certain characters at its ends; without white space if none are given."""
    return s.strip(chars or None)


@basic_node("string.contains", name="Contains text", icon="text", outputs=[{"id": "contains"}])
def contains_node(s: str, sub: str) -> bool:
    """Whether a piece occurs in the text."""
    return sub in s


@basic_node("string.index", name="Index in text", icon="text", outputs=[{"id": "index"}])
def index_node(s: str, sub: str) -> int:
    """Where a piece first occurs, from 0; it is an error where it does not."""
    return _index(s, sub, s.find(sub))


@basic_node("string.rindex", name="Last index in text", icon="text", outputs=[{"id": "index"}])
def rindex_node(s: str, sub: str) -> int:
    """Where a piece last occurs, from 0; it is an error where it does not."""
    return _index(s, sub, s.rfind(sub))


@basic_node(
    "string.slice", name="Cut text", icon="text", words=("substring", "slice", "part"),
    outputs=[{"id": "part"}],
)  # fmt: skip
def slice_node(s: str, start: int = 0, end: int | None = None) -> str:
    """The characters from start, counted from 0, up to end, not included; −1 is the last one."""
    return s[start:end]


@basic_node(
    "string.zfill", name="Fill with zeros", icon="text", words=("pad",),
    outputs=[{"id": "zfilled"}],
)  # fmt: skip
def zfill_node(s: str, width: Width) -> str:
    """The text with zeros in front, to a width."""
    return s.zfill(width)


@basic_node(
    "string.center", name="Centre", icon="text", words=("pad",), outputs=[{"id": "centered"}]
)
def center_node(s: str, width: Width, fillchar: str = " ") -> str:
    """The text in the middle of a width."""
    return s.center(width, _one(fillchar))


@basic_node(
    "string.ljust", name="Pad right", icon="text", words=("justify", "left"),
    outputs=[{"id": "left_justified"}],
)  # fmt: skip
def ljust_node(s: str, width: Width, fillchar: str = " ") -> str:
    """The text at the left of a width."""
    return s.ljust(width, _one(fillchar))


@basic_node(
    "string.rjust", name="Pad left", icon="text", words=("justify", "right"),
    outputs=[{"id": "right_justified"}],
)  # fmt: skip
def rjust_node(s: str, width: Width, fillchar: str = " ") -> str:
    """The text at the right of a width."""
    return s.rjust(width, _one(fillchar))


@basic_node(
    "string.format_map", name="Fill in text", icon="text",
    words=("template", "format", "placeholder"), outputs=[{"id": "formatted"}],
)  # fmt: skip
def format_map_node(s: str, mapping: dict[str, Any]) -> str:
    """The text with each {name} replaced by that entry of a dictionary.

    {name:.3f} rounds as Python's format language says.
    """
    return _bounded(_PlainFormatter().vformat(s, (), mapping))


@basic_node(
    "string.encode", name="Encode", icon="text", words=("bytes",), outputs=[{"id": "encoded"}]
)
def encode_node(s: str, encoding: Encoding = "utf-8", errors: OnError = "replace") -> bytes:
    """The text as bytes."""
    return s.encode(encoding, errors)


@basic_node(
    "string.decode", name="Decode", icon="text", words=("bytes",), outputs=[{"id": "decoded"}]
)
def decode_node(b: bytes, encoding: Encoding = "utf_8", errors: OnError = "replace") -> str:
    """Bytes as text."""
    return b.decode(encoding, errors if errors in ("strict", "replace", "ignore") else "replace")


@basic_node(
    "string.to_number", name="Text to number", icon="number", words=("parse", "float", "convert"),
    outputs=[{"id": "number"}],
)  # fmt: skip
def to_number_node(s: str) -> float:
    """The number that a text stands for: "3.5", "1e-9", "−2"."""
    try:
        return float(s.replace("−", "-"))
    except ValueError as error:
        raise not_a("a number", "s", s) from error


@basic_node(
    "string.of", name="Value to text", icon="text", words=("str", "convert", "format"),
    outputs=[{"id": "text"}],
)  # fmt: skip
def of_node(value: Any) -> str:
    """A value written out as text."""
    return _bounded(_written(value))


@basic_node(
    "string.quantity", name="Write a quantity", icon="text",
    words=("format", "unit", "SI", "digits"), outputs=[{"id": "text"}],
)  # fmt: skip
def quantity_node(value: float, unit: str = "", digits: Annotated[int, Range(1, 15)] = 4) -> str:
    """A number with its unit and a fitting prefix: 0.00223 and A give "2.23 mA"."""
    return quantity_text(float(value), unit, digits=digits)


class _PlainFormatter(string.Formatter):
    """Fills in entries by name alone: no attributes or items of them, no enormous widths."""

    def __init__(self) -> None:
        self._length = 0

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        if "." in field_name or "[" in field_name or not field_name:
            raise ExecutionError(f"s asks for {{{field_name}}}, which is no plain name.", port="s")
        if field_name not in kwargs:
            raise ExecutionError(f"mapping has no {field_name!r}, which s asks for.", port="s")
        return kwargs[field_name], field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if any(
            len(run) > 4 for run in "".join(c if c.isdigit() else " " for c in format_spec).split()
        ):
            raise ExecutionError(
                f"s asks for the format {format_spec!r}, which is too wide.", port="s"
            )
        filled = str(super().format_field(value, format_spec))
        self._length += len(filled)
        _check_length(self._length)
        return filled


def _index(s: str, sub: str, found: int) -> int:
    if found < 0:
        raise ExecutionError(f"{sub!r} does not occur in {describe(s)}.", port="sub")
    return found


def _one(fillchar: str) -> str:
    if len(fillchar) != 1:
        raise ExecutionError(f"fillchar is to be one character, not {fillchar!r}.", port="fillchar")
    return fillchar


def _written(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset | dict) and len(value) > MOST_WRITTEN:
        raise ExecutionError(
            f"{describe(value).capitalize()} is too much to be written out; "
            f"{MOST_WRITTEN} are possible."
        )
    return value if isinstance(value, str) else str(value)


def _bounded(s: str) -> str:
    _check_length(len(s))
    return s


def _check_length(length: int) -> None:
    if length > LONGEST:
        raise ExecutionError(f"The text would have {length} characters; {LONGEST} are possible.")


NODE_SHELF = Shelf(
    [
        input_node, length_node, concat_node, split_node, join_node, replace_node, strip_node,
        contains_node, index_node, rindex_node, slice_node, format_map_node, to_number_node,
        of_node, quantity_node, zfill_node, center_node, ljust_node, rjust_node, encode_node,
        decode_node, *CASES, *FINDING, *TESTS,
    ],
    [PATTERNS],
    name="Text",
    description="Joining, cutting, searching and testing text.",
)  # fmt: skip
