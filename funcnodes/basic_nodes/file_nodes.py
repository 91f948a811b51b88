"""Files in and out, inside the worker's folder. Writing is an effect: not while disarmed (A1)."""

import io
import json
from typing import Any, Literal

from funcnodes.basic_nodes.arraylike import Array
from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.basic_nodes.files import Files, Mode
from funcnodes.basic_nodes.inputs import plain
from funcnodes.basic_nodes.tables import Delimiter, Table, as_table, format_csv, parse_csv
from funcnodes.core import Node, Shelf
from funcnodes.core.codec.gradual import read_gradually
from funcnodes.errors import ExecutionError

Encoding = Literal["utf-8", "latin-1", "utf-16", "cp1252", "ascii"]
_THREAD: dict[str, Any] = {"default_run_in": "thread", "icon": "file"}
_WRITES: dict[str, Any] = {
    **_THREAD,
    "effect": True,
    "default_policy": "settled",
    "shows_order": True,
}


def files_of(node: Node) -> Files:
    """The folder that the node's nodespace lends.

    Raises:
        ExecutionError: It lends none.
    """
    found = node.nodespace.services.get(Files) if node.nodespace is not None else None
    if found is None:
        raise ExecutionError("There is no folder for files here: only a worker has one.")
    return found


@basic_node(
    "file.read_text", hands_on=True, name="Read text file", words=("open", "load", "txt"), **_THREAD
)
def read_text_node(node: Node, name: str, encoding: Encoding = "utf-8") -> str:
    """All of a text file."""
    return _text(name, files_of(node).read(name), encoding)


@basic_node(
    "file.write_text", hands_on=True, name="Write text file",
    words=("save", "append", "log", "txt"),
    outputs=[{"id": "file"}], **_WRITES,
)  # fmt: skip
def write_text_node(
    node: Node, name: str, text: str, mode: Mode = "replace", encoding: Encoding = "utf-8"
) -> str:
    """Write text into a file, or add it to its end; gives the file's name."""
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError as error:
        raise ExecutionError(f"{encoding} has no {text[error.start]!r}.", port="text") from error
    return _written(node, name, data, mode)


@basic_node(
    "file.read_lines", hands_on=True, name="Read lines", words=("open", "load", "list"), **_THREAD
)
def read_lines_node(node: Node, name: str, encoding: Encoding = "utf-8") -> list[str]:
    """The lines of a text file, without their ends."""
    return _text(name, files_of(node).read(name), encoding).splitlines()


@basic_node(
    "file.read_bytes", hands_on=True, name="Read bytes", words=("open", "load", "binary"), **_THREAD
)
def read_bytes_node(node: Node, name: str) -> bytes:
    """All bytes of a file."""
    return files_of(node).read(name)


@basic_node(
    "file.write_bytes", hands_on=True, name="Write bytes", words=("save", "binary", "image"),
    outputs=[{"id": "file"}], **_WRITES,
)  # fmt: skip
def write_bytes_node(node: Node, name: str, data: Any, mode: Mode = "replace") -> str:
    """Write bytes, such as an image, into a file; gives the file's name."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ExecutionError(f"data is to be bytes, not {describe(data)}.", port="data")
    return _written(node, name, bytes(data), mode)


@basic_node(
    "file.read_json", hands_on=True, name="Read JSON file", words=("open", "load"), **_THREAD
)
def read_json_node(node: Node, name: str) -> Any:
    """The value that a JSON file stands for."""
    text = _text(name, files_of(node).read(name), "utf-8")
    try:
        return read_gradually(text.encode())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ExecutionError(f"{name!r} is not JSON: {error.msg} at {where}.") from error


@basic_node(
    "file.write_json",
    hands_on=True,
    name="Write JSON file",
    words=("save",),
    outputs=[{"id": "file"}],
    **_WRITES,
)
def write_json_node(node: Node, name: str, value: Any, mode: Mode = "replace") -> str:
    """Write a value as JSON; gives the file's name. Appending adds a line."""
    indent = None if mode == "append" else 1
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=plain)
    return _written(node, name, text.encode() + b"\n", mode)


@basic_node(
    "file.read_csv", hands_on=True, name="Read CSV file", words=("open", "load", "table"), **_THREAD
)
def read_csv_node(
    node: Node, name: str, delimiter: Delimiter = "auto", header: bool = True
) -> Table:
    """The table in a CSV file; columns of numbers become numbers, # begins a comment line."""
    return parse_csv(_text(name, files_of(node).read(name), "utf-8-sig"), delimiter, header=header)


@basic_node(
    "file.write_csv", hands_on=True, name="Write CSV file", words=("save", "table", "append"),
    outputs=[{"id": "file"}], **_WRITES,
)  # fmt: skip
def write_csv_node(
    node: Node, name: str, table: Table, delimiter: Delimiter = "auto", mode: Mode = "replace"
) -> str:
    """Write a table as CSV, with full precision; gives the file's name.

    Appending adds rows alone, where there is a file already.
    """
    has_header = mode != "append" or not files_of(node).exists(name)
    text = format_csv(as_table("table", table), delimiter, header=has_header)
    return _written(node, name, text.encode(), mode)


@basic_node(
    "file.read_array",
    hands_on=True,
    name="Read array file",
    words=("npy", "numpy", "load"),
    **_THREAD,
)
def read_array_node(node: Node, name: str) -> Array:
    """The array in an .npy file."""
    import numpy as np

    try:
        array = np.load(io.BytesIO(files_of(node).read(name)), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ExecutionError(f"{name!r} is no .npy file with numbers.") from error
    if not isinstance(array, np.ndarray):
        raise ExecutionError(f"{name!r} holds several arrays; an .npy file holds one.")
    return array


@basic_node(
    "file.write_array", hands_on=True, name="Write array file", words=("npy", "numpy", "save"),
    outputs=[{"id": "file"}], **_WRITES,
)  # fmt: skip
def write_array_node(
    node: Node, name: str, array: Array, mode: Literal["replace", "new"] = "replace"
) -> str:
    """Write an array into an .npy file, exactly; gives the file's name."""
    import numpy as np

    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    return _written(node, name, data.getvalue(), mode)


@basic_node(
    "file.list", hands_on=True, name="List files", words=("folder", "directory", "glob"), **_THREAD
)
def list_node(node: Node, pattern: str = "*") -> list[str]:
    """The names of the files that fit a pattern: *.csv, data/*, or **/* for all."""
    return [info.name for info in files_of(node).listed(pattern)]


@basic_node("file.exists", hands_on=True, name="File exists", words=("is there", "test"), **_THREAD)
def exists_node(node: Node, name: str) -> bool:
    """Whether there is a file of that name."""
    return files_of(node).exists(name)


@basic_node(
    "file.info", hands_on=True, name="File info", words=("size", "age", "modified"),
    outputs=[{"id": "size"}, {"id": "modified", "unit": "s"}], **_THREAD,
)  # fmt: skip
def info_node(node: Node, name: str) -> tuple[int, float]:
    """The size of a file in bytes, and when it was changed, in seconds since 1970."""
    info = files_of(node).info(name)
    return info.size, info.modified


@basic_node(
    "file.delete", hands_on=True, name="Delete file",
    words=("remove", "erase"), outputs=[{"id": "file"}],
    **_WRITES,
)  # fmt: skip
def delete_node(node: Node, name: str) -> str:
    """Remove a file; gives the name that it had."""
    files_of(node).delete(name)
    return name


@basic_node(
    "file.free_name",
    hands_on=True,
    name="Free file name",
    words=("number", "unique", "next"),
    **_THREAD,
)
def free_name_node(node: Node, name: str = "data.csv") -> str:
    """A name that no file has yet: data.csv, else data-001.csv, data-002.csv and so on."""
    files = files_of(node)
    if not files.exists(name):
        return name
    stem, dot, ending = name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot and "/" not in ending else (name, "")
    for number in range(1, 1_000_000):
        free = f"{stem}-{number:03d}{ending}"
        if not files.exists(free):
            return free
    raise ExecutionError(f"There are a million files like {name!r} already.")


def _text(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ExecutionError(f"{name!r} is no text in {encoding}, from byte {error.start}.") from (
            error
        )


def _written(node: Node, name: str, data: bytes, mode: Mode) -> str:
    files = files_of(node)
    return files.write(name, data, mode).relative_to(files.root).as_posix()


NODE_SHELF = Shelf(
    [
        read_text_node, write_text_node, read_lines_node, read_csv_node, write_csv_node,
        read_json_node, write_json_node, read_array_node, write_array_node, read_bytes_node,
        write_bytes_node, list_node, exists_node, info_node, free_name_node, delete_node,
    ],
    name="Files",
    description="Text, tables, arrays and JSON in the worker's folder.",
)  # fmt: skip
