"""What Ctrl-C, SIGTERM and a closed terminal do to a run that has no worker process of its own.

Guarantees that devices come first: the run is stopped in order; where the event loop does not
answer because a node holds it, a thread writes the emergency bytes past it, and ends the process
if the loop does not come back. Nothing that is said on the way can keep it from happening.
"""

import asyncio
import os
import signal as signals
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.errors import RunError
from funcnodes.runs.run import Run

NUMBERS = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP)
STOP_GRACE_S = 1.0
"""How long the point under way may take to end after Ctrl-C; then it is given up."""
BEGIN_S = 0.3
"""For how long the loop may let a signal wait before devices are made safe from a thread."""
TURN_S = 0.1
HELD_S = 2.0
"""For how long a loop that is held may then still come back and end in order."""


class NotStarted(RunError):
    """A signal came before the run began.

    Attributes:
        signal: Which.
    """

    def __init__(self, signal: signals.Signals) -> None:
        super().__init__(f"Stopped by {_name(signal)} before the run began.")
        self.signal = signal


def _name(signal: signals.Signals) -> str:
    return "Ctrl-C" if signal is signals.SIGINT else signal.name


@dataclass(slots=True)
class Interrupt:
    """Stops in order once; a second time is harmless.

    Attributes:
        say: A line for a person; called in any thread.
        received: The signal that came, or None.
        space: Of the run, once there is one.
        run: The run, once it is on.
        starting: The task that is cancelled before that.
    """

    say: Callable[[str], None]
    received: signals.Signals | None = None
    space: NodeSpace | None = None
    run: Run | None = None
    starting: "asyncio.Task[Any] | None" = None
    _escalation: asyncio.TimerHandle | None = field(default=None, repr=False)
    _over: threading.Event = field(default_factory=threading.Event, repr=False)

    @contextmanager
    def taking_signals(self) -> Iterator[None]:
        """Signals come here within the block. In the main thread, in its running loop."""
        loop = asyncio.get_running_loop()

        def take(number: int, _: object) -> None:
            # Runs between two instructions of whatever holds the loop; the loop may never turn.
            self._take(signals.Signals(number), loop)

        before = {number: signals.signal(number, take) for number in NUMBERS}
        try:
            yield
        finally:
            self._over.set()
            for number, handler in before.items():
                signals.signal(number, handler)
            if self._escalation is not None:
                self._escalation.cancel()

    def follow(self, run: Run) -> None:
        """The run is on: from now on it is what is stopped."""
        self.run = run
        if self.received is not None:
            self._stop(run)

    def _take(self, number: signals.Signals, loop: asyncio.AbstractEventLoop) -> None:
        if self.received is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._say, "Already stopping: devices are made safe.")
            return
        self.received = number
        with suppress(RuntimeError):  # the loop has ended, and all is closed
            loop.call_soon_threadsafe(self._begin)
        threading.Thread(target=self._insist, args=(loop,), daemon=True, name="interrupt").start()

    def _begin(self) -> None:
        if self.run is not None:
            self._stop(self.run)
        elif self.starting is not None:
            self.starting.cancel()

    def _stop(self, run: Run) -> None:
        assert self.received is not None
        name = _name(self.received)
        run.stop(f"Stopped by {name}.")
        loop = asyncio.get_running_loop()
        self._escalation = loop.call_later(STOP_GRACE_S, run.abort, f"Stopped by {name}.")
        self._say(f"Stopping after {name}: devices are made safe first.")

    def _insist(self, loop: asyncio.AbstractEventLoop) -> None:
        """From a thread: a loop that is held must keep neither the outputs on nor the process.

        The loop may be held from the start, or by a node that was still to come.
        """
        while not self._over.is_set():
            if not self._turns(loop, BEGIN_S):
                what = self._strike()
                if not self._turns(loop, HELD_S):
                    self._say(f"{what}: the program is ended. Recorded rows are kept.")
                    os._exit(128 + (self.received or 0))
            self._over.wait(TURN_S)

    def _turns(self, loop: asyncio.AbstractEventLoop, within_s: float) -> bool:
        turned = threading.Event()
        with suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(turned.set)
        return turned.wait(within_s) or self._over.is_set()

    def _strike(self) -> str:
        """Write the emergency bytes, tell what became of them; returns who holds the loop."""
        assert self.received is not None
        space = self.space
        bench = space.services.get(Bench) if space is not None else None
        held = space.engine.inline if space is not None else None
        fired = bench.emergency.fire(_name(self.received), "the operator") if bench else []
        what = f"{held.name} does not return" if held is not None else "The run does not answer"
        sent = ", ".join(each.device for each in fired if each.ms is not None)
        missed = ", ".join(each.device for each in fired if each.ms is None)
        told = f" Told to switch off, not confirmed: {sent}." if sent else ""
        left = f" Took no bytes, switch it off by hand: {missed}." if missed else ""
        self._say(f"{what}.{told}{left}")
        return what

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody is left to read it
            self.say(text)
