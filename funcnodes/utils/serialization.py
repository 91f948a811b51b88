"""The import path under which users know the classes for `json`."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder

__all__ = ["JSONDecoder", "JSONEncoder"]
