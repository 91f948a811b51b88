"""The guardian: a small process that makes the bench safe when its worker is dead or frozen.

    python -m funcnodes.workers.guard.guardian      started by the worker, in a session of its own

It reads JSON lines from its stdin: the plan (whom to watch, what to write where) and heartbeats.
Whatever it reads it answers by a byte on stdout, so that a worker notices one that does not read.
When the pipe ends without a word to stand down, or no heartbeat comes for 2 s, it kills what is
left of the worker (an instrument may take one client only, and a frozen worker must not write
later), then opens each instrument of the plan, checks who it is, and writes its emergency bytes.
It only knows that bytes were sent; reading back is left to the next worker.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from funcnodes.devices.estop.emergency import Struck, Target, strike_all
from funcnodes.devices.estop.safetylog import SafetyLog
from funcnodes.devices.estop.unfinished import note_struck
from funcnodes.workers.processes import Process

SILENCE_S = 2.0
TURN_S = 0.25
DEATH_S = 0.5


class Word(msgspec.Struct, omit_defaults=True):
    """One line from the worker; what is absent stays as it was."""

    pid: int = 0
    started: str = ""
    targets: list[Target] | None = None
    stand_down: bool = False
    log: str = ""
    """Folder of the safety log, or ""."""


ECHO = b"."

_decoder = msgspec.json.Decoder(Word)


class Guardian:
    """Watches one worker by a pipe."""

    def __init__(
        self,
        pipe: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        strike: Callable[[list[Target]], list[Struck]] = strike_all,
        echo: int | None = None,
    ) -> None:
        """Args:
        echo: A descriptor that gets a byte for whatever was read.
        """
        self._pipe = pipe
        self._echo = echo
        self._clock = clock
        self._strike = strike
        self._buffer = b""
        self._worker: Process | None = None
        self._targets: list[Target] = []
        self._stood_down = False
        self._log = SafetyLog(None)

    def watch(self) -> list[Struck]:
        """Return when the worker has ended in order, or the bench was made safe.

        Returns:
            What became of each device that had to be made safe; none after an orderly end.
        """
        heard = self._clock()
        turn = heard
        while True:
            readable = select.select((self._pipe,), (), (), TURN_S)[0]
            now = self._clock()
            if now - turn > 4 * TURN_S:
                heard = now  # it was us who slept: nobody else's silence
            turn = now
            if readable:
                data = os.read(self._pipe, 65536)
                if not data:
                    break
                self._answer()
                self._take(data)
                heard = self._clock()
            elif now - heard > SILENCE_S:
                break
        return [] if self._stood_down else self._act()

    def _answer(self) -> None:
        if self._echo is not None:
            with contextlib.suppress(OSError):  # full or gone: the worker does not look just now
                os.write(self._echo, ECHO)

    def _take(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):
                self._word(_decoder.decode(line))

    def _word(self, word: Word) -> None:
        if word.pid:
            self._worker = Process(word.pid, word.started)
        if word.targets is not None:
            self._targets = word.targets
        if word.log:
            self._log = SafetyLog(Path(word.log))
        self._stood_down = self._stood_down or word.stand_down

    def _act(self) -> list[Struck]:
        self._kill()
        who = f"process {self._worker.pid}, which ended or froze" if self._worker else "nobody"
        struck = self._strike(self._targets)
        for each in struck:
            if each.sent and self._worker is not None:
                note_struck(self._worker, each.device)
            self._log.note("guardian", f"The guardian of {who}: {each.text}", device=each.device)
        self._log.flush()
        return struck

    def _kill(self) -> None:
        if self._worker is None or not self._worker.send(signal.SIGKILL):
            return
        end = time.monotonic() + DEATH_S
        while self._worker.alive() and time.monotonic() < end:
            time.sleep(0.005)


def main() -> int:
    """Watch by stdin; tell on stderr what was done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.set_blocking(sys.stdout.fileno(), False)
    for struck in Guardian(sys.stdin.fileno(), echo=sys.stdout.fileno()).watch():
        print(f"guardian: {struck.text}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
