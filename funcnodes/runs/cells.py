"""How one value lies in one cell of a run file, and comes back as it was.

SQLite keeps the type of each value by itself, so numbers and text lie there as they are, readable
with any tool. Everything else is a BLOB whose first byte says what follows. NaN, which SQLite
cannot keep, is NULL with a quality other than missing or stale.
"""

import json
import math
from typing import Any, Protocol

from funcnodes.core.values import Quality
from funcnodes.runs.records import EMPTY

_JSON = b"j"
_ARRAY = b"a"
_BYTES = b"b"
_REPR = b"r"
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1

Stored = float | int | str | bytes | None


class ArrayStore(Protocol):
    """Keeps arrays in a table of their own, so that scanning rows does not read them."""

    def put(self, array: Any) -> int: ...

    def get(self, number: int) -> Any: ...


def encode(value: Any, arrays: ArrayStore) -> Stored:
    """`value` as SQLite keeps it."""
    if type(value) is float:
        return None if math.isnan(value) else value
    if value is None:
        return None
    if type(value) is str:
        return value.encode(errors="replace").decode()  # a lone surrogate is no text
    if type(value) is int and _INT_MIN <= value <= _INT_MAX:
        return value
    if isinstance(value, bytes):
        return _BYTES + value
    if hasattr(value, "dtype") and hasattr(value, "tobytes"):
        return _encode_array(value, arrays)
    return _encode_other(value)


def decode(stored: Stored, quality: Quality, arrays: ArrayStore) -> Any:
    """The value that was given to `encode`."""
    if stored is None:
        return None if quality in EMPTY else math.nan
    if not isinstance(stored, bytes):
        return stored
    kind, body = stored[:1], stored[1:]
    if kind == _ARRAY:
        return arrays.get(int(body))
    if kind == _BYTES:
        return body
    return json.loads(body) if kind == _JSON else body.decode()


def _encode_array(value: Any, arrays: ArrayStore) -> Stored:
    if value.shape == () and value.dtype.kind in "fiub":
        return encode(value.item(), arrays)
    if value.dtype.hasobject:
        return _encode_other(value.tolist())
    return _ARRAY + str(arrays.put(value)).encode()


def _encode_other(value: Any) -> bytes:
    """Bools, lists, maps, big integers as JSON; what JSON has no word for as its `repr`."""
    try:
        return _JSON + json.dumps(value).encode()
    except (TypeError, ValueError):
        return _REPR + repr(value).encode()
