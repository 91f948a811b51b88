"""Input buffers of instruments that do not speak in lines: bytes in whatever pieces."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.instruments.buffers import Split
from funcnodes_simulators.scpi import Overrun


def split() -> Split:
    return Split(8, ends=b"\r\n", alone=b"\x05")


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"PR1\r\n", ["PR1"]),
        (b"PR1\r", ["PR1"]),
        (b"\x05\x05", ["\x05", "\x05"]),
        (b"PR1\x05\r\n", ["\x05"]),
        (b"\r\n\r\n", []),
    ],
)
def test_terminators_end_messages_and_control_characters_stand_alone(
    data: bytes, messages: list[str]
) -> None:
    assert split().feed(data) == messages


def test_a_message_too_long_is_an_overrun_and_the_next_one_is_whole() -> None:
    first, second = split().feed(b"123456789\r12345678\r")
    assert isinstance(first, Overrun)
    assert second == "12345678"


@given(data=st.binary(max_size=60), cut=st.integers(0, 60))
def test_pieces_make_no_difference(data: bytes, cut: int) -> None:
    whole, pieces = split(), split()
    found = [*pieces.feed(data[:cut]), *pieces.feed(data[cut:])]
    assert [str(each) for each in found] == [str(each) for each in whole.feed(data)]
    assert pieces.partial == whole.partial
