"""JSON that is read and written a piece at a time, so that other threads have their turn.

Python's own reader and writer hold the interpreter's lock from the first character to the last:
for a text of 100 MB that is a second in which no E-STOP is sent.
"""

import json
from typing import Any

import msgspec

AT_ONCE = 500_000
"""Characters that are read in one go."""
FEW = 1_000
"""Items of a list that are written in one go."""


def read_gradually(text: bytes) -> Any:
    """What `json.loads` gives of it.

    Raises:
        json.JSONDecodeError: It is no JSON.
        UnicodeDecodeError: It is no text.
        RecursionError: It is nested too deep.
    """
    if len(text) <= AT_ONCE or text[:1] not in (b"{", b"["):
        return json.loads(text)
    try:
        if text[:1] == b"{":
            entries = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            return {key: read_gradually(bytes(raw)) for key, raw in entries.items()}
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
        return [read_gradually(bytes(raw)) for raw in items]
    except msgspec.DecodeError:
        return json.loads(text)  # which says what is wrong, or knows more words


def write_gradually(data: dict[str, Any]) -> bytes:
    """What `json.dumps` makes of it, in UTF-8 and without NaN; long lists a few items at a time.

    Raises:
        ValueError: There is a number in it that JSON does not have.
    """
    entries = (f"{_dumps(key)}: {_written(value)}" for key, value in data.items())
    return f"{{{', '.join(entries)}}}".encode()


def _written(value: Any) -> str:
    if not isinstance(value, list) or len(value) <= FEW:
        return _dumps(value)
    parts = [_dumps(value[start : start + FEW])[1:-1] for start in range(0, len(value), FEW)]
    return f"[{', '.join(parts)}]"


_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
