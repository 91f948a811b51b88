"""The inside of a process that runs functions of nodes: one call after another, then its end.

It ends as soon as nobody can ask it any more. See `running.processes`, which starts it.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import os
import pickle
import queue
import sys
import threading
import traceback
import types
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, cast

from funcnodes.core.nodes.node import get_nodeclass
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import Port
from funcnodes.core.quality import Judged
from funcnodes.core.running.processes import Call
from funcnodes.core.values import NoValue
from funcnodes.errors import NodeProcessError


def serve(descriptor: int) -> None:
    """Answer calls until the other side is gone; the whole life of a process."""
    connection = Connection(descriptor)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                calls.put(connection.recv_bytes())
        os._exit(0)  # nobody is left to answer, whatever the function is doing

    threading.Thread(target=listen, name="funcnodes calls", daemon=True).start()
    sending = threading.Lock()

    def send(kind: str, content: Any) -> None:
        data = pickle.dumps((kind, content), protocol=5)
        with sending:
            connection.send_bytes(data)

    while True:
        _answer(calls.get(), send)


def _answer(request: bytes, send: Callable[[str, Any], None]) -> None:
    send("begun", None)
    try:
        call: Call = pickle.loads(request)
        result = _run(call, send)
    except BaseException as error:  # a SystemExit ends the call, not the process
        send("error", _portable(error))
        return
    try:
        send("result", result)
    except OSError:
        raise
    except Exception as error:
        send("error", NodeProcessError(f"The result cannot be sent from its process: {error}"))


def _run(call: Call, send: Callable[[str, Any], None]) -> Any:
    _import(call.module, call.file)
    nodeclass = get_nodeclass(call.node_id)
    if nodeclass is None:
        raise NodeProcessError(
            f"The module {call.module} has no node {call.node_id!r} when a process imports it.",
            hint="Only functions and classes at the top of a module can run in a process.",
        )
    node = nodeclass()

    def tell(*, progress: Any, **_: Any) -> None:
        send("progress", (progress.done, progress.total, progress.text))

    node.on("progress", tell)
    result = node._call(call.arguments)
    if asyncio.iscoroutine(result):
        result = asyncio.run(_awaited(result))
    if result is not None or node.returns_none:
        return result
    set_itself = (port for port in node._results if port.value is not NoValue)
    given = {port.id: _as_set(port) for port in set_itself}
    return next(iter(given.values())) if given and node._single is not None else given or None


def _as_set(port: Port) -> Any:
    """A value that a node gave itself, with its quality."""
    value = cast(NodeOutput, port).value
    return value if port.quality == "ok" else Judged(value, port.quality)


async def _awaited(work: Any) -> Any:
    return await work


def _import(module: str, file: str) -> None:
    """Have the module as the other side has it: also a script, and one that is on no path."""
    if module == "__main__":
        _import_script(file)
    elif module not in sys.modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not file or error.name is None or not module.startswith(error.name):
                raise
            _import_file(module, file)


def _import_script(file: str) -> None:
    if not file:
        raise NodeProcessError(
            "A function that was typed in cannot run in a process.", hint="Put it into a module."
        )
    if "__funcnodes_script__" not in sys.modules:
        _import_file("__funcnodes_script__", file)
        sys.modules["__main__"] = sys.modules["__funcnodes_script__"]  # as pickles name it


def _import_file(module: str, file: str) -> None:
    spec = importlib.util.spec_from_file_location(module, file)
    if spec is None or spec.loader is None:
        raise NodeProcessError(f"The module {module} cannot be imported from {file}.")
    made: types.ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[module]
        raise


def _portable(error: BaseException) -> BaseException:
    """The error as it can be sent, with where it was raised as a note."""
    where = "".join(traceback.format_exception(error))
    if isinstance(error, SystemExit):
        return NodeProcessError(f"The function asked to end its process ({error.code!r}).")
    error.add_note(f"In its own process:\n{where}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # a class that does not pickle, or takes other arguments than it keeps
        text = str(error).strip()
        plain = NodeProcessError(f"{type(error).__name__}: {text}")
        plain.add_note(f"In its own process:\n{where}")
        return plain
    return error
