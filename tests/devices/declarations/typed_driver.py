"""What an editor knows of a driver: checked by mypy in `test_types`, never run."""

from enum import Enum
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from funcnodes.devices import (
    Channel,
    Group,
    ScpiDevice,
    StatusWord,
    bit,
    block,
    command,
    control,
    driver,
    measurement,
    record,
    setting,
    together,
)  # fmt: skip
from funcnodes.devices.declarations.commands import BoundCommand
from funcnodes.devices.declarations.controls import BoundControl, Control
from funcnodes.devices.declarations.records import BoundRecord, Reading
from funcnodes.devices.declarations.values import BoundValue
from funcnodes_drivers.keithley.smu2400 import Smu2400
from funcnodes_drivers.rigol.ds1054z import Coupling, Ds1054z


class Mode(Enum):
    """Made up."""

    FAST = "FAST"
    SLOW = "SLOW"


class Rail(Group):
    """Made up."""

    volts = control(float, "V{ch}?", "V{ch} {v:g}")


@driver("test.typed", title="Typed")
class Typed(ScpiDevice):
    """One of each."""

    level = control(float, "L?", "L {v:g}", safe=0.0)
    count = setting(int, "C?", "C {v:d}")
    on = control(bool, "O?", "O {v:d}", safe=False)
    label = control(str, "T?", "T {v}")
    mode = control(Mode, "M?", "M {v}", safe=Mode.SLOW)
    power = measurement(float, "P?")
    state = measurement(Mode, "S?")
    pair = record("R?", v=(float, "V"), s=StatusWord(compliance=bit(0)))
    both = together("level", "power")
    trace = block("D?")
    go = command("GO")
    one = Channel(Rail, ch="1")


async def what_an_editor_knows(typed: Typed, smu: Smu2400, scope: Ds1054z) -> None:
    assert_type(typed.level, BoundControl[float])
    assert_type(Typed.level, Control[float])
    assert_type(typed.power, BoundValue[float])
    assert_type(typed.pair, BoundRecord)
    assert_type(typed.go, BoundCommand)
    assert_type(typed.one, Rail)
    assert_type(await typed.level.get(), float)
    assert_type(await typed.count.get(), int)
    assert_type(await typed.on.get(), bool)
    assert_type(await typed.label.get(), str)
    assert_type(await typed.mode.get(), Mode)
    assert_type(await typed.power.get(), float)
    assert_type(await typed.state.get(), Mode)
    assert_type(await typed.pair.get(), Reading)
    assert_type(await typed.both.get(), Reading)
    assert_type(await typed.trace.get(), NDArray[np.float64])
    assert_type(await typed.go(), None)
    assert_type(await typed.one.volts.get(), float)
    assert_type(await smu.voltage.get(), float)
    assert_type(await smu.output.get(), bool)
    assert_type(await scope.ch1.coupling.get(), Coupling)
    assert_type(await scope.ch1.waveform.get(), NDArray[np.float64])
    await typed.mode.set(Mode.FAST)
    await typed.level.set(1)
