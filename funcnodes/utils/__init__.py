"""The import path under which users know what programs of 0.2.17 borrowed for themselves."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder
from funcnodes.core.running import run_until_complete
from funcnodes.utils.data import deep_fill_dict, deep_remove_dict_on_equal
from funcnodes.utils.nodeutils import get_deep_connected_nodeset

__all__ = [
    "JSONDecoder", "JSONEncoder", "deep_fill_dict", "deep_remove_dict_on_equal",
    "get_deep_connected_nodeset", "run_until_complete",
]  # fmt: skip
