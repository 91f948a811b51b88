"""A bench for tests: served by a background thread of this process.

Its methods may be called from any other thread; each waits for the answer of that one, and raises
what went wrong there. What clients did wrong to a strict bench is raised when it closes.
"""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from funcnodes_simulators.bench.layout import (
    load_layout,
)
from funcnodes_simulators.bench.running import RunningBench
from funcnodes_simulators.strict import StrictError, Violation

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0


class SimulatedBench:
    """A bench served by a background thread of this process; closed as a context manager.

    with SimulatedBench.start("demo") as bench:
        bench.resources["smu"]
        bench.fault("smu", "drop", match=":READ")
        bench.wait("smu", "output", False)
    """

    def __init__(self, running: RunningBench, loop: asyncio.AbstractEventLoop) -> None:
        self._running = running
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="simulators", daemon=True)

    @classmethod
    def start(
        cls,
        bench: str = "demo",
        *,
        seed: int | None = None,
        control: bool = False,
        time_scale: float = 1.0,
        faults: str | Path | None = None,
        strict: bool = False,
    ) -> "SimulatedBench":
        """Serve a bench and return once every line is open.

        Args:
            bench: `demo`, or the path of a bench file.
            seed: Makes noise and faults repeat.
            control: Whether to open the control socket too.
            time_scale: Seconds of the bench per second, 0.1 to 1000.
            faults: A file with what goes wrong, see `faults.files`.
            strict: Raise in `close` if a client did something wrong, see `strict`.

        Raises:
            BenchError: There is no such bench, it cannot be served, or not at this scale.
        """
        layout = load_layout(bench, faults=faults, strict=strict)
        running = RunningBench(layout, seed=seed, control=control, time_scale=time_scale)
        simulated = cls(running, asyncio.new_event_loop())
        simulated._thread.start()
        try:
            simulated._call(running.start())
        except BaseException:
            simulated._end_thread()
            raise
        return simulated

    @property
    def resources(self) -> dict[str, str]:
        """VISA resource strings by the instrument's name."""
        return self._running.resources

    @property
    def control(self) -> str | None:
        """Host and port of the control socket, if there is one."""
        return self._running.control_address

    def request(self, do: str, **arguments: object) -> dict[str, Any]:
        """Ask what the control socket can be asked.

        Raises:
            ValueError: It made no sense, or a wait ran out; the message says why.
        """
        answer = self._call(self._running.control.answer({"do": do, **arguments}))
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def state(self) -> dict[str, Any]:
        """Return the truth about everything on the bench."""
        return self.request("state")

    def fault(self, device: str, kind: str, **details: object) -> None:
        """Arm a fault; see `faults.Fault` for the details it takes."""
        self.request("fault", device=device, kind=kind, **details)

    def clear(self) -> None:
        """Disarm every fault."""
        self.request("clear")

    def power_cycle(self, device: str, *, off_s: float = 0.0) -> None:
        """Switch an instrument off, for so many seconds of the bench, and on again."""
        self.request("power_cycle", device=device, off_s=off_s)

    def commands(self, device: str) -> list[str]:
        """Return the messages an instrument received, oldest first."""
        return [text for _, text in self.request("commands", device=device)["commands"]]

    def wait(self, device: str, path: str, equals: object, *, timeout_s: float = 5.0) -> None:
        """Wait until part of the true state has a value.

        Raises:
            ValueError: It had not within `timeout_s`.
        """
        self.request("wait", device=device, path=path, equals=equals, timeout_s=timeout_s)

    @property
    def violations(self) -> list[Violation]:
        """What clients did wrong so far, on a bench that is strict and on any other."""
        return self._running.strict.violations

    def forgive(self) -> None:
        """Forget what clients did wrong so far."""
        self._running.strict.clear()

    def close(self) -> None:
        """Close every line and end the thread; harmless the second time.

        Raises:
            StrictError: The bench is strict, and a client did something wrong.
        """
        if self._thread.is_alive():
            self._call(self._running.stop())
            self._end_thread()
            self._running.check()

    def __enter__(self) -> "SimulatedBench":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StrictError as found:
            if error is None:
                raise
            error.add_note(str(found))

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()
