"""What a device may be told just now: the E-STOP's latch, interlocks, and the way down past both.

Asked twice for a write: before it waits for the link, and again once the link is its own, since
what was allowed meanwhile may not be so any more. What brings a device to a safe state passes;
whoever is on that way is known by the task, not by the device, so that others are still refused.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from funcnodes.core import clock
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.members import Member, Unset
from funcnodes.devices.estop.latch import Latch, LatchState
from funcnodes.errors import LimitError, RefusedError

Check = Callable[[], None]
_is_safety: contextvars.ContextVar[bool] = contextvars.ContextVar("is_safety", default=False)
_writing: contextvars.ContextVar[tuple[str, Any, Check | None]] = contextvars.ContextVar(
    "writing", default=("", None, None)
)
"""Member and value of the write under way, for who looks at it once the link is ours; and what
may refuse it then, a safe value excepted."""


class Permission:
    """What one device may be told; see the module's text."""

    def __init__(
        self,
        name: str,
        latch: Latch,
        refusal: Callable[[str, str], str],
        find: Callable[[str], Member],
    ) -> None:
        """Args:
        name: The device's.
        latch: The E-STOP's.
        refusal: Why an interlock refuses writes to that device's member, or "".
        find: Gives the declaration of a member.
        """
        self._name = name
        self._latch = latch
        self._refusal = refusal
        self._find = find

    @property
    def is_safety(self) -> bool:
        """Whether the present call brings the device down to a safe state."""
        return _is_safety.get()

    @contextmanager
    def safely(self) -> Iterator[None]:
        """What is written within brings it down: latch, interlocks and limits let that pass."""
        token = _is_safety.set(True)
        try:
            yield
        finally:
            _is_safety.reset(token)

    @contextmanager
    def writing(self, member: str, value: Any, check: Check | None = None) -> Iterator[None]:
        """Ask the interlocks, and have them asked again under the link's lock; see `gate`.

        Args:
            check: Asked under the lock, too, except for a safe value.

        Raises:
            RefusedError: One refuses it.
        """
        self._check_interlocks(member, value)
        token = _writing.set((member, value, check))
        try:
            yield
        finally:
            _writing.reset(token)

    @contextmanager
    def switching(self, member: Control[Any], value: Any, address: str) -> Iterator[None]:
        """Set a control within; an output that is refused to go on is in the safety log."""
        try:
            yield
        except (RefusedError, LimitError) as error:
            if isinstance(error, LimitError):
                error.address = address
            if not isinstance(member.safe, Unset) and not member.makes_safe(value):
                self._latch.log.note("refused", error.message, device=self._name)
            raise

    def gate(self, command: str) -> None:
        """Asked under the link's lock before each write.

        Raises:
            RefusedError: Latch or interlock refuses it by now.
        """
        member, value, check = _writing.get()
        if not self.is_safety and not self.makes_safe(member, value):
            self.check_latch(repr(command))
        self._check_interlocks(member, value)
        if check is not None and not self.makes_safe(member, value):
            check()

    def makes_safe(self, member: str, value: Any) -> bool:
        """Whether that is a member's safe value, which may always be written (S3a)."""
        return bool(member) and self._find(member).makes_safe(value)

    def is_refused(self, member: str) -> bool:
        """Whether latch or an interlock refuses writes to a member, but for the way down."""
        return self._latch.latched or bool(self.refusal(member))

    def check_latch(self, what: str) -> None:
        """Refuse `what` while the E-STOP is latched.

        Raises:
            RefusedError: It is.
        """
        self._latch.check(f"{self._name}: {what}")

    def refusal(self, member: str) -> str:
        """Why an interlock refuses writes to that member now, or ""."""
        return self._refusal(self._name, member)

    async def pause(self, seconds: float) -> None:
        """Wait between the steps of a ramp.

        Raises:
            RefusedError: E-STOP is pressed, at once.
        """
        if self.is_safety or seconds <= 0:
            await clock.sleep(seconds)
            return
        loop = asyncio.get_running_loop()
        sleeping = loop.create_task(clock.sleep(seconds))

        def wake(state: LatchState) -> None:
            if state.latched:
                loop.call_soon_threadsafe(sleeping.cancel)

        forget = self._latch.on_change(wake)
        try:
            await asyncio.wait({sleeping})
        finally:
            forget()
            sleeping.cancel()
        self.check_latch("going on with a ramp")

    def _check_interlocks(self, path: str, value: Any) -> None:
        """A safe value passes every interlock, and so does the way down to one."""
        if self.is_safety:
            return
        why = self.refusal(path)
        if not why:
            return
        if self.makes_safe(path, value):
            return
        member = self._find(path) if path else None
        title = member.title.lower() if member is not None else "a command"
        raise RefusedError(
            f"{self._name}: {title} was not written: {why}.",
            hint="Remove the cause first.",
            device=self._name,
            member=path,
        )
