"""Values as JSON or bytes and back, exactly."""

from funcnodes.core.codec.writing import (
    Codec,
    JSONDecoder,
    JSONEncoder,
    Reading,
    Unknown,
    UnsavableError,
    add_codec,
    from_bytes,
    from_json,
    is_enum,
    is_record,
    read_json,
    register,
    to_bytes,
    to_json,
    type_name,
)

__all__ = [
    "Codec", "JSONDecoder", "JSONEncoder", "Reading", "Unknown", "UnsavableError", "add_codec",
    "from_bytes", "from_json", "is_enum", "is_record", "read_json", "register", "to_bytes",
    "to_json", "type_name",
]  # fmt: skip
