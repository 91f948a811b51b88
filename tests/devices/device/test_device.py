"""What a device says of itself, from what was read last."""

import itertools

import pytest

from funcnodes.devices import Sample, ScpiDevice, control, driver, measurement
from funcnodes.testing.conversation import Conversation


@driver("acme.twin", title="ACME Twin", identify="", errors="")
class Twin(ScpiDevice):
    one = control(bool, ":OUTP1?", ":OUTP1 {v:d}", safe=False)
    other = control(bool, ":OUTP2?", ":OUTP2 {v:d}", safe=False)


@pytest.mark.parametrize("values", [*itertools.product((True, False, None), repeat=2)])
def test_one_output_that_is_known_to_be_on_is_enough(values: tuple[bool | None, ...]) -> None:
    """In whatever order outputs are declared and read: on, else not known, else off."""
    device = Conversation(Twin, []).device
    for name, value in zip(("one", "other"), values, strict=True):
        if value is not None:
            device.noted(name, Sample(value))
    expected = True if True in values else None if None in values else False
    assert device.output_on is expected


def test_a_device_without_outputs_has_none_on() -> None:
    @driver("acme.meter", title="ACME Meter", identify="", errors="")
    class Meter(ScpiDevice):
        reading = measurement(float, ":READ?")

    assert Conversation(Meter, []).device.output_on is None
