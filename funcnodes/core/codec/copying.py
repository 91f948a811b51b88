"""The quick way for values that are JSON already: lists, objects, texts and numbers, as most are.

Looking at each item takes longer than everything else in saving. So such a value is written and
read back in one go; what comes back equal, of exactly the same classes, needs no marker.
"""

import marshal
import sys
from collections.abc import Callable
from functools import cache
from types import GenericAlias
from typing import Annotated, Any

LARGEST = 2**53  # from here on a whole number needs a marker
_LEVELS = 6


def copied(value: list[Any] | dict[Any, Any]) -> Any:
    """A copy of a value that needs no marker anywhere; None where it may need one.

    Only where msgspec is loaded: it is not for the sake of a few values.

    `marshal` takes exact built-in classes alone, so that no member of an enumeration passes for
    its text. Tuples and keys that are no text come back unequal, NaN as None. Whole numbers that
    are too large, and what is nested deeper than a few levels, are not read back at all.
    """
    if "msgspec" not in sys.modules:
        return None
    encode, decode = _coders()
    try:
        marshal.dumps(value)
        text = encode(value)
        if b'"$"' in text:
            return None
        copy = decode(text)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return copy if copy == value else None


@cache
def _coders() -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    import msgspec

    whole = Annotated[int, msgspec.Meta(gt=-LARGEST, lt=LARGEST)]
    plain: Any = None | bool | whole | float | str
    kind = plain
    for _ in range(_LEVELS):
        kind = plain | GenericAlias(list, (kind,)) | GenericAlias(dict, (str, kind))
    return msgspec.json.Encoder().encode, msgspec.json.Decoder(kind).decode
