"""Texts with a place for a value, `FREQ {:.2f}`: written with one, and read for one.

The notation is that of Python's `str.format` (PEP 3101), kept to plain fields with a plain format,
so that no template reaches into an object or asks for a gigabyte of blanks. Reading is generous: a
field for numbers takes any spelling of one, whatever sign and precision the template writes.
"""

import re
import string
from dataclasses import dataclass

Value = int | float | str

WIDEST = 200
_FORMAT = re.compile(r"(?:[^{}]?[<>=^])?[+\- ]?#?0?(\d*),?(?:\.(\d+))?([bdeEfFgGosxX%]?)", re.S)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PATTERNS = {"d": r"[+-]?\d+", "b": "[01]+", "o": "[0-7]+", "x": "[0-9a-fA-F]+", "%": _NUMBER + "%"}
_BASES = {"b": 2, "o": 8, "x": 16}


@dataclass(frozen=True, slots=True)
class Field:
    """A place for a value: the name it has, empty for none, and how the value is written."""

    name: str
    format: str
    kind: str

    def pattern(self) -> str:
        if self.kind in ("", "s"):
            return ".*?"
        alternate = f"(?:0{self.kind})?" if self.kind in _BASES else ""
        return alternate + _PATTERNS.get(self.kind, _NUMBER)

    def read(self, text: str) -> Value:
        """Turn what stood in its place into a value; raises ValueError."""
        if self.kind in ("", "s"):
            return text
        if self.kind in _BASES:
            return int(text, _BASES[self.kind])
        if self.kind == "d":
            return int(text)
        return float(text.removesuffix("%")) / (100 if self.kind == "%" else 1)


class Template:
    """A text with places for values, taken apart once."""

    def __init__(self, text: str) -> None:
        """Take a template apart.

        Raises:
            ValueError: It is none; the message is the end of a sentence that begins with it.
        """
        self.text = text
        self._parts: list[tuple[str, Field | None]] = []
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"is no template: {error}") from None
        for literal, name, form, conversion in parsed:
            self._parts.append((literal, None if name is None else _field(name, form, conversion)))
        self._loose: re.Pattern[str] | None = None
        self.fields = [field for _, field in self._parts if field is not None]
        self._pattern = re.compile(
            "".join(
                re.escape(literal) + (f"({field.pattern()})" if field else "")
                for literal, field in self._parts
            ),
            re.A,
        )

    def written(self, values: "dict[str, Value]") -> str:
        """Put values, by the names of their fields, in their places.

        Raises:
            ValueError: One cannot be written the way its field says.
        """
        out: list[str] = []
        for literal, field in self._parts:
            out.append(literal)
            if field is not None:
                out.append(format(values[field.name], field.format))
        return "".join(out)

    def read(self, text: str) -> "dict[str, Value] | None":
        """Return the values that stand in a text of this form; None if it is of another."""
        match = self._pattern.fullmatch(text)
        if match is None:
            return None
        try:
            pairs = zip(self.fields, match.groups(), strict=True)
            return {field.name: field.read(part) for field, part in pairs}
        except ValueError:
            return None

    def texts(self, text: str) -> "dict[str, str] | None":
        """Return what stands in each field of a text of this form, whatever it is.

        Capitals and the amount of white space make no difference; None if it is of another form.
        """
        if self._loose is None:
            literals = (_loosely(literal) for literal, _ in self._parts)
            marks = ("(.*?)" if field else "" for _, field in self._parts)
            pattern = "".join(a + b for a, b in zip(literals, marks, strict=True))
            self._loose = re.compile(rf"\s*{pattern}\s*", re.I | re.S)
        match = self._loose.fullmatch(text)
        if match is None:
            return None
        return {field.name: part for field, part in zip(self.fields, match.groups(), strict=True)}


def _field(name: str, form: str | None, conversion: str | None) -> Field:
    match = _FORMAT.fullmatch(form or "")
    if match is None or conversion is not None or not re.fullmatch(r"\w*", name):
        raise ValueError(f"is no template: {{{name}:{form}}} is no plain field")
    if int(match[1][:9] or 0) > WIDEST or int((match[2] or "0")[:9]) > WIDEST:
        raise ValueError(f"is no template: {form!r} is wider than {WIDEST}")
    kind = match[3].lower()
    return Field("" if name == "0" else name, form or "", kind)


def _loosely(literal: str) -> str:
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", literal))
