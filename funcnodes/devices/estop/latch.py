"""The E-STOP latch of a worker: refuses writes and runs until somebody resets it (S4).

Guarantees that a latch, once engaged, survives a crash and a restart, since it lives in a file
that is written beside itself, synced and renamed. Engaging is possible from any thread and takes
effect in memory at once, before the disk has it; a disk that is full or hangs neither raises nor
holds it up. Writes nothing to any device, neither when it
is engaged nor when it is reset; that is the bench's.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.devices.estop.safetylog import SafetyLog
from funcnodes.durable import write_private
from funcnodes.errors import RefusedError

AckState = Literal["pending", "off", "sent", "unanswered", "held"]
_log = logging.getLogger(__name__)
CONFIRMED: frozenset[AckState] = frozenset({"off", "held"})


class StopAck(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one device at an E-STOP.

    `off`: read back off. `sent`: bytes written, not confirmed. `held`: the bench says hold.
    """

    device: str
    state: AckState
    ms: float | None = None
    """Milliseconds from the stop to the read-back (`off`) or to the bytes written (`sent`)."""
    message: str = ""

    @property
    def text(self) -> str:
        """For people."""
        after = f" after {self.ms:.0f} ms" if self.ms is not None else ""
        more = f": {self.message}" if self.message else "."
        return f"{self.device} {_WORDS[self.state]}{after}{more}"


_WORDS: dict[AckState, str] = {
    "pending": "has not answered yet", "off": "is off, read back", "held": "is left as it is",
    "sent": "was told to stop, not confirmed", "unanswered": "did not answer",
}  # fmt: skip


class LatchState(msgspec.Struct, frozen=True, kw_only=True):
    """What the latch's file holds."""

    latched: bool = False
    by: str = ""
    cause: str = ""
    t: float | None = None
    """Seconds since the epoch at which it was engaged."""
    acks: tuple[StopAck, ...] = ()


class Latch:
    """The latch, in memory and (with a path) on disk.

    Attributes:
        log: The safety log of whom it stops, in `logs` beside its file.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.log = SafetyLog(path.parent / "logs" if path is not None else None)
        self._lock = threading.Lock()  # never held while a disk is waited for
        self._disk = threading.Lock()
        self._has_reserve = False
        self._watchers: list[Callable[[LatchState], None]] = []
        self._guards: list[Callable[[], str]] = []
        self._state = _read(path)

    @property
    def state(self) -> LatchState:
        return self._state

    @property
    def latched(self) -> bool:
        return self._state.latched

    def on_change(self, callback: Callable[[LatchState], None]) -> Callable[[], None]:
        """Call `callback` at each change, in the thread that made it; returns how to end that."""
        return unsubscriber(self._watchers, callback)

    def guard(self, reason: Callable[[], str]) -> Callable[[], None]:
        """Refuse a reset while `reason()` gives one; returns how to end that."""
        return unsubscriber(self._guards, reason)

    def engage(self, cause: str, by: str) -> None:
        """Latch, in memory only: the caller's next act is the emergency bytes, then `save`.

        A second press keeps the first cause and its acknowledgements.
        """
        with self._lock:
            if self._state.latched:
                return
            self._state = LatchState(latched=True, by=by, cause=cause, t=clock.now())
        why = f": {cause}" if cause not in ("", "E-STOP") else ""
        self.log.note("estop", f"E-STOP by {by}{why}.", by=by)
        self._tell()

    def acknowledge(self, *acks: StopAck, keep: bool = True) -> None:
        """Put the newest word on each device in place of the last, and keep it on disk.

        Without `keep` the caller calls `save` later: it has outputs to switch off first.
        A read-back `off` is not taken back by a later, weaker word for the same stop.
        """
        news: list[StopAck] = []
        with self._lock:
            known = {ack.device: ack for ack in self._state.acks}
            for ack in acks:
                old = known.get(ack.device)
                if old is None or old.state not in CONFIRMED or ack.state in CONFIRMED:
                    known[ack.device] = ack
                    if ack.state != "pending" and (old is None or old.state != ack.state):
                        news.append(ack)
            self._state = msgspec.structs.replace(self._state, acks=tuple(known.values()))
        for ack in news:
            self.log.note("stopped", ack.text, device=ack.device)
        if keep:
            self.save()
        self._tell()

    def unconfirmed(self) -> list[str]:
        """Devices that must be confirmed by name before a reset."""
        return [ack.device for ack in self._state.acks if ack.state not in CONFIRMED]

    def reset(self, *, by: str, confirmed: Iterable[str] = ()) -> None:
        """Release the latch. Writes nothing to any device.

        Raises:
            RefusedError: A device that did not acknowledge is not among `confirmed`, or what
                tripped it goes on.
            OSError: It cannot be kept on disk; the latch is as it was.
        """
        why = next((why for guard in tuple(self._guards) if (why := guard())), "")
        if why:
            raise self._refused(
                RefusedError(
                    f"The reset by {by} was refused: {why}.", hint="Remove the cause first."
                )
            )
        confirmed = set(confirmed)
        missing = sorted(set(self.unconfirmed()) - confirmed)
        if missing:
            names = " and ".join(missing)
            raise self._refused(
                RefusedError(
                    f"{names} did not acknowledge the E-STOP, so the reset by {by} was refused.",
                    hint="Switch it off by hand, then confirm it by name.",
                    devices=missing,
                )
            )
        released = LatchState()
        if self.path is not None:
            with self._disk:  # first: the next start must not know better
                write_private(self.path, msgspec.json.encode(released))
        with self._lock:
            before, self._state = self._state, released
        if before.latched:
            names = ", ".join(sorted(confirmed))
            that = f", and says that {names} is off" if names else ""
            self.log.note("reset", f"{by} reset the E-STOP{that}.", by=by)
        if self._has_reserve:
            self.reserve()
        self._tell()

    def _refused(self, error: RefusedError) -> RefusedError:
        self.log.note("refused", error.message)
        return error

    def check(self, what: str) -> None:
        """Refuse `what` while latched.

        Raises:
            RefusedError: The latch is engaged.
        """
        state = self._state
        if state.latched:
            raise RefusedError(
                f"{what} was refused: stopped by {state.by or 'E-STOP'}"
                f"{f' ({state.cause})' if state.cause else ''}.",
                hint="Reset the E-STOP first.",
                by=state.by,
                cause=state.cause,
            )

    def save(self) -> None:
        """Bring the state to disk: old or new, never a mix. Never raises: it is logged.

        What cannot be written, on a full disk say, is kept without its details where `reserve`
        was called before: a restart finds it latched.
        """
        if self.path is None:
            return
        with self._disk:
            try:
                write_private(self.path, msgspec.json.encode(self._state))
                return
            except OSError as error:
                why = error.strerror or str(error)
            if self._state.latched and not self._keep_bare(self.path):
                _log.error("The E-STOP is not kept on disk (%s): a restart would release it.", why)
            else:
                _log.error("What became of the E-STOP is not kept on disk: %s.", why)

    def reserve(self) -> None:
        """Have room on disk to keep that it is latched, when there is none left. Never raises."""
        if self.path is None:
            return
        self._has_reserve = True
        with self._disk:
            try:
                bare = LatchState(latched=True, cause="an E-STOP whose details were not kept")
                write_private(_spare(self.path), msgspec.json.encode(bare))
            except OSError as error:
                _log.error("No room is kept on disk for an E-STOP: %s.", error.strerror or error)

    @staticmethod
    def _keep_bare(path: Path) -> bool:
        """Whether the file says that it is latched; renaming takes no room."""
        if _read(path).latched:
            return True
        try:
            os.replace(_spare(path), path)
        except OSError:
            return False
        return True

    def _tell(self) -> None:
        for callback in tuple(self._watchers):
            try:
                callback(self._state)
            except Exception:  # whoever listens must not keep the bytes from the line
                _log.exception("A listener to the E-STOP failed")


def _spare(path: Path) -> Path:
    return path.with_name(f"{path.name}.spare")


def _read(path: Path | None) -> LatchState:
    """The saved state; a file that cannot be read counts as latched, the safe side."""
    if path is None or not path.exists():
        return LatchState()
    try:
        return msgspec.json.decode(path.read_bytes(), type=LatchState)
    except (OSError, msgspec.DecodeError):
        return LatchState(latched=True, cause=f"{path.name} could not be read")
