"""Addresses are read exactly, and a mistake is named by its place."""

from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from funcnodes.devices.addresses import AllowList, SerialOptions, parse
from funcnodes.errors import AddressError


@pytest.mark.parametrize(
    ("text", "kind", "host", "port", "path"),
    [
        ("TCPIP0::192.168.1.20::5025::SOCKET", "tcp", "192.168.1.20", 5025, ""),
        ("tcpip::meter.lab::5025::socket", "tcp", "meter.lab", 5025, ""),
        ("TCPIP0::[::1]::5025::SOCKET", "tcp", "::1", 5025, ""),
        ("tcp:localhost:5025", "tcp", "localhost", 5025, ""),
        ("tcp:[fe80::1]:1", "tcp", "fe80::1", 1, ""),
        ("TCPIP0::10.0.0.3::INSTR", "visa", "10.0.0.3", 0, ""),
        ("TCPIP0::10.0.0.3::inst0::INSTR", "visa", "10.0.0.3", 0, ""),
        ("TCPIP0::127.0.0.1,4911::inst0::INSTR", "visa", "127.0.0.1", 4911, ""),
        ("TCPIP0::127.0.0.1::hislip0,4880::INSTR", "visa", "127.0.0.1", 0, ""),
        ("ASRL/dev/pts/3::INSTR", "serial", "", 0, "/dev/pts/3"),
        ("ASRL3::INSTR", "visa", "", 0, ""),
        ("ASRLsocket://127.0.0.1:4000::INSTR", "visa", "127.0.0.1", 4000, ""),
        ("GPIB0::24::INSTR", "visa", "", 0, ""),
        ("GPIB0::24::5::INSTR", "visa", "", 0, ""),
        ("USB0::0x05E6::0x2400::1234567::INSTR", "visa", "", 0, ""),
        ("visa:TCPIP0::127.0.0.1::5025::SOCKET", "visa", "127.0.0.1", 5025, ""),
    ],
)
def test_resource_strings_and_short_forms_are_read(
    text: str, kind: str, host: str, port: int, path: str
) -> None:
    address = parse(text)
    assert (address.kind, address.host, address.port, address.path) == (kind, host, port, path)


def test_a_serial_short_form_carries_its_line_settings() -> None:
    address = parse("serial:/dev/ttyUSB0?baud=57600&bits=7&parity=odd&stop=2")
    assert address.resource == "ASRL/dev/ttyUSB0::INSTR"
    assert address.serial == SerialOptions(baud=57600, bits=7, parity="odd", stop=2)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        ("smu", 1),
        ("tcp:host", 9),
        ("tcp:host:", 10),
        ("tcp:host:70000", 10),
        ("tcp:ho st:1", 7),
        ("TCPIP0::host::x::SOCKET", 15),
        ("TCPIP0::::5025::SOCKET", 9),
        ("TCPIPx::h::1::SOCKET", 6),
        ("TCPIP0::h::1::2::SOCKET", 18),
        ("serial:/etc/passwd", 8),
        ("serial:/dev/../etc/passwd", 8),
        ("serial:/dev/ttyS0?baud=fast", 24),
        ("serial:/dev/ttyS0?speed=1", 19),
        ("ASRLfile:///etc/passwd::INSTR", 5),
        ("ASRL/dev/ttyS0::RAW", 17),
        ("GPIB0::31::INSTR", 8),
        ("USB0::0xZZ::1::2::INSTR", 7),
        ("TCPIP0::h\n::5025::SOCKET", 10),
    ],
)
def test_a_mistake_is_named_by_its_place(text: str, position: int) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert caught.value.context["position"] == position
    assert f"at character {position} " in str(caught.value)


def test_a_simulator_is_looked_up_among_the_resources() -> None:
    address = parse("sim:smu", {"smu": "TCPIP0::127.0.0.1::5025::SOCKET"})
    assert address.simulated
    assert (address.text, address.resource) == ("sim:smu", "TCPIP0::127.0.0.1::5025::SOCKET")
    with pytest.raises(AddressError, match="no simulator named 'dmm' is running, known are: smu"):
        parse("sim:dmm", {"smu": "x"})


def test_one_instrument_has_one_key_however_it_is_written() -> None:
    assert parse("tcp:LOCALHOST:5025").key == parse("TCPIP0::127.0.0.1::5025::SOCKET").key
    assert parse("visa:tcp:127.0.0.1:5025").key == parse("tcp:127.0.0.1:5025").key
    assert parse("serial:/dev/null?baud=9600").key == parse("ASRL/dev/null::INSTR").key
    assert parse("gpib0::3::instr").key == parse("GPIB0::3::INSTR").key


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    for candidate in (text, f"TCPIP0::{text}", f"tcp:{text}", f"serial:/dev/{text}", f"ASRL{text}"):
        with suppress(AddressError):
            address = parse(candidate)
            assert parse(address.resource).resource == address.resource


@pytest.mark.parametrize(
    ("entries", "ip", "allowed"),
    [
        (("loopback", "private"), "127.0.0.1", True),
        (("loopback", "private"), "10.1.2.3", True),
        (("loopback", "private"), "8.8.8.8", False),
        (("loopback", "private"), "169.254.169.254", False),
        (("loopback",), "10.1.2.3", False),
        (("any",), "8.8.8.8", True),
        (("8.8.0.0/16",), "8.8.8.8", True),
        (("8.8.8.8:5025",), "8.8.8.8", True),
        (("8.8.8.8:80",), "8.8.8.8", False),
        (("meter.lab",), "8.8.8.8", True),
        (("other.lab",), "8.8.8.8", False),
        ((), "127.0.0.1", False),
    ],
)
def test_only_allowed_hosts_may_be_opened(entries: tuple[str, ...], ip: str, allowed: bool) -> None:
    address = parse("tcp:meter.lab:5025")
    if allowed:
        AllowList(entries).check(address, [ip])
    else:
        with pytest.raises(AddressError, match="not among the allowed hosts"):
            AllowList(entries).check(address, [ip])
