"""The loop of a test: all of it once per device under test, each with its serial number."""

from typing import Any

from funcnodes.core import NodeInput, NodeOutput, Trigger
from funcnodes.core.naming import name_of
from funcnodes.errors import ExecutionError, FuncnodesError
from funcnodes.runs.control import active_run
from funcnodes.runs.records import ScanAxis
from funcnodes.runs.run import Run
from funcnodes.runs.sequences import attempts
from funcnodes.runs.sequences.attempts import Sequence
from funcnodes.runs.sequences.step import CUT_SHORT, JudgedFrame

MAX_DEVICES = 10_000
_MAX_LENGTH = 200


class SerialsInput(NodeInput):
    """Serial numbers, also as text: `A1, A2; A3`, or one per line."""

    def check(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace(";", ",").replace("\n", ",").split(",")
        found = [serial for each in super().check(value) if (serial := str(each).strip())]
        if not found:
            raise self.refusal("there is no serial number in it.")
        if len(found) > MAX_DEVICES:
            raise self.refusal(f"{len(found)} devices are more than {MAX_DEVICES:,}.")
        twice = next((serial for serial in found if found.count(serial) > 1), None)
        if twice is not None:
            raise self.refusal(f"{twice} is in it twice.")
        if any(len(serial) > _MAX_LENGTH for serial in found):
            raise self.refusal(f"a serial number has at most {_MAX_LENGTH} characters.")
        return found


class ForEachDevice(JudgedFrame):
    """Does what it holds once per device under test; each result bears its serial number.

    What goes wrong with one device does not keep the next from being tested.
    """

    node_id = "for_each_device_under_test"
    node_name = "For each device under test"
    description = __doc__ or ""
    icon = "turn"
    words = ("test", "sequence", "dut", "uut", "serial", "loop", "batch", "production")

    serials = SerialsInput(
        "serials",
        list[str],
        "serial numbers",
        does_trigger=False,
        description="Of the devices under test, in the order in which they are tested.",
    )
    serial = NodeOutput(type=str, description="Serial number of the device that is tested.")
    index = NodeOutput(type=int, description="Number of the device, from 0.", hidden=True)
    point = NodeOutput(type=Trigger, description="▶ once per device.", hidden=True)

    def points_total(self) -> int | None:
        value = self.serials.value
        return len(value) if isinstance(value, list) else None

    def dimensions(self) -> tuple[ScanAxis, ...]:
        serials = tuple(self.serials.value)
        name = self.name if self.name != self.node_name else "device"
        return (ScanAxis(name=name, node=name_of(self), labels=serials, length=len(serials)),)

    async def func(self, **given: Any) -> None:
        serials: list[str] = given["serials"]
        run, total = active_run(self), len(serials)
        async with self.entered():
            for index, serial in enumerate(serials):
                self.report(index, total, serial)
                if run is not None and not await run.checkpoint(self):
                    return
                await self._test(index, serial, run)
                if run is not None:
                    run.point_done(self)
            self.report(total, total)

    async def _test(self, index: int, serial: str, run: Run | None) -> None:
        step = attempts.new_step(self, "device", serial)
        step.name = serial
        sequence = Sequence(serial=serial)
        ended = False
        try:
            outputs = {"serial": serial, "index": index, "point": True}
            label = f"{self.name} {serial}"
            outcome = await self.attempted(step, sequence, outputs, label, run, (index,))
            ended = outcome is not None
        except FuncnodesError as error:
            raise ExecutionError(f"{serial}: {error.message}") from error
        finally:
            if not ended:
                step.verdict, step.text = "error", CUT_SHORT
            attempts.end(self, step, run)
