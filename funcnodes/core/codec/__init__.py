"""Values as JSON or bytes and back, exactly.

What is written comes back equal and of the same type, or as `Unknown` where its type is not known
here; nothing is ever imported or executed because of what is read.
"""

from funcnodes.core.codec.jsonclasses import JSONDecoder, JSONEncoder, SavedForm
from funcnodes.core.codec.reading import Decoded, from_bytes, from_json, read_json
from funcnodes.core.codec.registry import (
    Codec,
    add_codec,
    is_enum,
    is_record,
    register,
    type_name,
)
from funcnodes.core.codec.unknown import Unknown
from funcnodes.core.codec.writing import UnsavableError, to_bytes, to_json

__all__ = [
    "Codec", "Decoded", "JSONDecoder", "JSONEncoder", "SavedForm", "Unknown", "UnsavableError",
    "add_codec", "from_bytes", "from_json", "is_enum", "is_record", "read_json", "register",
    "to_bytes", "to_json", "type_name",
]  # fmt: skip
