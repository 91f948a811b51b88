"""A private socket by which other processes of the same user speak to this one.

A thread of its own answers it, and one more each conversation, so that neither an event loop nor
another conversation is waited for. One line of JSON asks, lines of JSON answer until the end.
Nobody else can open it: mode 0600, in a folder of mode 0700.
"""

import contextlib
import json
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Say = Callable[[Any], bool]
"""Answers a line; returns whether the other side is still there."""
Answer = Callable[[dict[str, Any], Say], None]
"""Answers one question; runs in a thread of its own."""

ASK_S = 5.0
LEISURE_S = 60.0
LINE_BYTES = 64 * 1024 * 1024
LONGEST = 100  # bytes of a socket's path, on every system

_log = logging.getLogger("funcnodes.machine")


class Door:
    """Listens from `open` to `close`.

    Args:
        answer: Called with each question.
        at_leisure: Called once a minute meanwhile.
    """

    def __init__(
        self, path: Path, answer: Answer, *, at_leisure: Callable[[], None] = lambda: None
    ) -> None:
        self.path = path
        self._answer = answer
        self._at_leisure = at_leisure
        self._socket: socket.socket | None = None
        self._bell: socket.socket | None = None  # rung to end listening
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Raises OSError where the socket cannot be made."""
        if len(os.fsencode(self.path)) > LONGEST:
            raise OSError(36, "The path is too long for a socket", str(self.path))
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(os.fsencode(self.path))
            os.chmod(self.path, 0o600)
            listening.listen(16)
            listening.setblocking(False)
            ringing, self._bell = socket.socketpair()
        except OSError:
            listening.close()
            raise
        self._socket = listening
        self._thread = threading.Thread(
            target=self._listen, args=(listening, ringing), daemon=True, name="door"
        )
        self._thread.start()

    def close(self) -> None:
        """End listening, and take the socket away. Idempotent."""
        listening, self._socket = self._socket, None
        if listening is None or self._bell is None:
            return
        self._bell.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)
        listening.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _listen(self, listening: socket.socket, ringing: socket.socket) -> None:
        with ringing, selectors.DefaultSelector() as selector:
            selector.register(listening, selectors.EVENT_READ)
            selector.register(ringing, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(LEISURE_S)]
                if ringing in ready:
                    return
                if not ready:
                    self._at_leisure()
                with contextlib.suppress(OSError):
                    self._let_in(listening.accept()[0])

    def _let_in(self, connection: socket.socket) -> None:
        threading.Thread(
            target=self._converse, args=(connection,), daemon=True, name="door: one caller"
        ).start()

    def _converse(self, connection: socket.socket) -> None:
        def say(value: Any) -> bool:
            try:
                connection.sendall(json.dumps(value).encode() + b"\n")
            except OSError:
                return False
            return True

        with connection:
            connection.settimeout(ASK_S)
            try:
                asked = json.loads(next(_lines(connection), b""))
                if isinstance(asked, dict):
                    self._answer(asked, say)
            except (OSError, ValueError):
                return  # whoever asked is gone, or said nothing that is understood
            except Exception:
                _log.exception("what was asked through the door failed")


def ask(
    path: Path | str, question: dict[str, Any], *, within_s: float, then_s: float | None = None
) -> Iterator[dict[str, Any]]:
    """Ask the process behind a door; its answers, as they come.

    Args:
        within_s: For how long the first answer is waited for.
        then_s: The same of each further one, if not as long.

    Raises:
        OSError: Nobody is there, or (TimeoutError) does not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within_s)
        connection.connect(os.fsencode(path))
        connection.sendall(json.dumps(question).encode() + b"\n")
        for line in _lines(connection):
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    connection.settimeout(then_s or within_s)
                    yield answer


def _lines(connection: socket.socket) -> Iterator[bytes]:
    buffer = bytearray()
    while len(buffer) < LINE_BYTES:
        end = buffer.find(b"\n")
        if end >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
            continue
        chunk = connection.recv(65536)
        if not chunk:
            return
        buffer += chunk
