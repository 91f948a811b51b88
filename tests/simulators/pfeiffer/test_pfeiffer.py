"""Pfeiffer's instruments: damaged telegrams, the rotor's clock, and any nonsense."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.instruments.contract import Instrument, input_buffer_for
from funcnodes_simulators.pfeiffer.tc400 import PfeifferTc400, checksum
from funcnodes_simulators.pfeiffer.tpg362 import PfeifferTpg362
from funcnodes_simulators.physics import ManualClock, World
from funcnodes_simulators.scpi import Overrun


def said(instrument: Instrument, clock: ManualClock, data: bytes) -> list[bytes]:
    replies = []
    for message in input_buffer_for(instrument).feed(data):
        if isinstance(message, Overrun):
            instrument.overrun()
            continue
        execution = instrument.execute(message)
        try:
            while True:
                clock.advance(next(execution))
        except StopIteration as end:
            replies += [end.value] if end.value is not None else []
    return replies


@given(data=st.binary(max_size=80) | st.text("PRX12UNIFL,0123=?\r\n\x05\x03", max_size=40))
@pytest.mark.parametrize("kind", [PfeifferTpg362, PfeifferTc400])
def test_no_bytes_crash_them(kind: type[PfeifferTpg362 | PfeifferTc400], data: object) -> None:
    clock = ManualClock()
    sent = data if isinstance(data, bytes) else str(data).encode()
    instrument = kind(World(clock, seed=1))
    for reply in said(instrument, clock, sent):
        assert reply


def test_a_drive_answers_neither_damage_nor_another_unit() -> None:
    clock = ManualClock()
    drive = PfeifferTc400(World(clock, seed=1), address=7)
    assert said(drive, clock, b"0010030902=?107\r") == []
    assert said(drive, clock, b"0070030902=?000\r") == []
    asked = "0070030902=?"
    assert said(drive, clock, f"{asked}{checksum(asked)}\r".encode()) == [
        f"0071030906000000{checksum('0071030906000000')}".encode()
    ]


def test_a_rotor_follows_its_motor_in_minutes() -> None:
    clock = ManualClock()
    drive = PfeifferTc400(World(clock, seed=1))
    on = "0011001006111111"
    assert said(drive, clock, f"{on}{checksum(on)}\r".encode())
    for seconds, speed in ((50.0, 500.0), (60.0, 1000.0)):
        clock.advance(seconds)
        assert drive.state()["speed_hz"] == pytest.approx(speed, abs=1)
    drive.power_cycle()
    clock.advance(100.0)
    assert drive.state()["speed_hz"] == pytest.approx(600, abs=1)
