"""A driver against a script: the exact words both sides must say, in order, and none beyond."""

from collections.abc import Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.device import Device
from funcnodes.devices.transports.memory import ScriptedTransport

I = TypeVar("I", bound=Instrument)  # noqa: E741  # the instrument's class

Line = str | tuple[bytes, bytes | None]
ARROW = "->"
NAME = "device"


class Conversation(Generic[I]):
    """A connected device at the other end of a script.

    Attributes:
        device: The device, as a bench has it.
        instrument: Its driver, acting.
    """

    def __init__(self, driver: type[I], connect: Iterable[Line]) -> None:
        self._driver = driver
        self._wire = ScriptedTransport(self._spoken(line) for line in connect)
        config = DeviceConfig(NAME, driver.spec.name, "tcp:127.0.0.1:1")
        with drivers.lent(driver):
            self._bench = Bench(
                BenchConfig("test", devices={NAME: config}), make_transport=lambda *_: self._wire
            )

    @property
    def device(self) -> Device:
        return self._bench.devices[NAME]

    @property
    def instrument(self) -> I:
        found = self.device.instrument
        assert isinstance(found, self._driver)  # the script's own driver was lent to the bench
        return found

    def expect(self, *lines: Line) -> None:
        """Put more at the end of the script.

        Args:
            lines: What the driver is to write, and what it is answered: `":OUTP?" -> "1"` as
                `":OUTP? -> 1"`, a command without an answer as `":OUTP 1"`, without terminators,
                which are the driver's; or bytes as they are, `(b":OUTP?\\n", b"1\\n")`.
        """
        self._wire.expect(*(self._spoken(line) for line in lines))

    async def __aenter__(self) -> Self:
        await self._bench.open()
        message = self.device.message
        assert self.device.state not in ("offline", "fault"), f"it did not connect: {message}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._bench.close()
        if error is None:
            self._wire.finish()

    def _spoken(self, line: Line) -> tuple[bytes, bytes | None]:
        if isinstance(line, tuple):
            return line
        protocol = self._driver.spec.protocol
        said, arrow, answer = line.partition(ARROW)
        reply = (answer.strip() + protocol.reply_eol).encode("ascii") if arrow else None
        return (said.strip() + protocol.eol).encode("ascii"), reply
