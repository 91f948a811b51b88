"""Addresses are read exactly, and a mistake is named by its place."""

import pytest
from hypothesis import example, given, strategies as st

from funcnodes.devices.addresses import AllowList, SerialOptions, Sharing, parse
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
        ("TCPIP0::127.0.0.1::hislip0::INSTR", "visa", "127.0.0.1", 4880, ""),
        ("TCPIP0::127.0.0.1::hislip0,4881::INSTR", "visa", "127.0.0.1", 4881, ""),
        ("TCPIP0::10.0.0.3", "visa", "10.0.0.3", 0, ""),
        ("TCPIP::10.0.0.3::gpib0", "visa", "10.0.0.3", 0, ""),
        ("ASRL/dev/pts/3::INSTR", "serial", "", 0, "/dev/pts/3"),
        ("ASRL3::INSTR", "visa", "", 0, ""),
        ("ASRLsocket://127.0.0.1:4000::INSTR", "visa", "127.0.0.1", 4000, ""),
        ("GPIB0::24::INSTR", "visa", "", 0, ""),
        ("GPIB0::24::5::INSTR", "visa", "", 0, ""),
        ("GPIB::24", "visa", "", 0, ""),
        ("GPIB0::INTFC", "visa", "", 0, ""),
        ("USB0::0x05E6::0x2400::1234567::INSTR", "visa", "", 0, ""),
        ("USB0::0x05E6::0x2400::1234567::0::RAW", "visa", "", 0, ""),
        ("USB::1510::9216::1234567", "visa", "", 0, ""),
        ("PXI0::15::INSTR", "visa", "", 0, ""),
        ("PXI0::0-1.2::INSTR", "visa", "", 0, ""),
        ("VXI0::128::INSTR", "visa", "", 0, ""),
        ("VXI0::MEMACC", "visa", "", 0, ""),
        ("PRLGX-TCPIP0::10.0.0.9::1234::INTFC", "visa", "10.0.0.9", 1234, ""),
        ("PRLGX-TCPIP::10.0.0.9::INTFC", "visa", "10.0.0.9", 1234, ""),
        ("PRLGX-ASRL0::/dev/ttyUSB0::INTFC", "visa", "", 0, "/dev/ttyUSB0"),
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
    ("text", "kind", "opened", "unit", "resource"),
    [
        ("prologix:plc/22", "prologix", "tcp:plc:1234", "22", "prologix:plc:1234/22"),
        ("prologix:[::1]:99/7", "prologix", "tcp:::1:99", "7", "prologix:[::1]:99/7"),
        ("prologix:lab/22/5", "prologix", "tcp:lab:1234", "22/101", "prologix:lab:1234/22/101"),
        ("prologix:lab/22/101", "prologix", "tcp:lab:1234", "22/101", "prologix:lab:1234/22/101"),
        ("prologix:/dev/ttyUSB0/22", "prologix", "/dev/ttyUSB0", "22", "prologix:/dev/ttyUSB0/22"),
        ("prologix:/dev/pts/3/2/96", "prologix", "/dev/pts/3", "2/96", "prologix:/dev/pts/3/2/96"),
        ("rs485:/dev/ttyUSB0/07", "rs485", "/dev/ttyUSB0", "07", "rs485:/dev/ttyUSB0/07"),
        ("rs485:/dev/pts/3/A", "rs485", "/dev/pts/3", "A", "rs485:/dev/pts/3/A"),
        ("modbus:plc.lab/1", "modbus", "tcp:plc.lab:502", "1", "modbus:plc.lab:502/1"),
        ("modbus:plc.lab:1502/255", "modbus", "tcp:plc.lab:1502", "255", "modbus:plc.lab:1502/255"),
        ("modbus-rtu:/dev/ttyS1/9", "modbus", "/dev/ttyS1", "9", "modbus-rtu:/dev/ttyS1/9"),
    ],
)  # fmt: skip
def test_an_instrument_on_a_bus_is_a_unit_of_what_is_opened(
    text: str, kind: str, opened: str, unit: str, resource: str
) -> None:
    """D1: what the bus is opened through is what a lease locks, one for all units."""
    address = parse(text)
    assert (address.kind, address.unit, address.resource) == (kind, unit, resource)
    assert address.is_on_bus
    assert opened in (address.key, address.path)
    assert parse(resource).key == address.key


def test_a_shared_line_carries_its_settings_its_gap_and_its_echo() -> None:
    address = parse("rs485:/dev/ttyUSB0/07?baud=19200&parity=even&gap_ms=12&echo=yes")
    assert address.serial == SerialOptions(baud=19200, parity="even")
    assert address.sharing == Sharing(gap_s=0.012, echo=True)
    assert address.key == parse("modbus-rtu:/dev/ttyUSB0/1").key == parse("serial:/dev/ttyUSB0").key


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
        ("TCPIP0::h::5025", 16),
        ("TCPIP0::h::inst0,80::INSTR", 17),
        ("TCPIP0::h,80::hislip0::INSTR", 10),
        ("TCPIP0::h::hislip0,x::INSTR", 20),
        ("TCPIP0::h::a b::INSTR", 13),
        ("TCPIP0::h::inst0::RAW", 19),
        ("GPIB0::24::50::INSTR", 12),
        ("GPIB0::24::5::6", 15),
        ("USB0::1::2::::INSTR", 13),
        ("USB0::1::2::3::x::INSTR", 16),
        ("USB0::1::2::3::FOO", 16),
        ("PXI0::15::RAW", 11),
        ("PRLGX-TCPIP0::h::1234", 18),
        ("PRLGX-ASRL0::/etc/x::INTFC", 14),
        ("prologix:lab", 13),
        ("prologix:lab/31", 14),
        ("prologix:lab/3/50", 16),
        ("prologix:lab/3/5/1", 17),
        ("prologix:lab:x/3", 14),
        ("prologix:/dev/ttyUSB0", 22),
        ("prologix:/dev/ttyUSB0/3?baud=1", 30),
        ("rs485:/dev/ttyUSB0", 19),
        ("rs485:/dev/ttyUSB0/a-b", 20),
        ("rs485:/etc/x/1", 7),
        ("rs485:/dev/ttyUSB0/1?gap_ms=9999", 29),
        ("rs485:/dev/ttyUSB0/1?echo=maybe", 27),
        ("rs485:ttyUSB0/1", 7),
        ("modbus:plc", 11),
        ("modbus:plc:502/256", 16),
        ("modbus:plc:0/1", 12),
        ("modbus-rtu:/dev/ttyUSB0/0", 25),
        ("modbus-rtu:/dev/ttyUSB0/248", 25),
        ("serial:/dev/ttyS0?gap_ms=5", 19),
        ("visa:modbus:plc/1", 6),
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


BEGINNINGS = [
    "", "TCPIP0::", "tcp:", "serial:/dev/", "ASRL", "GPIB0::", "USB0::", "PXI", "VXI0::",
    "PRLGX-TCPIP0::", "PRLGX-ASRL0::/dev/", "prologix:", "prologix:/dev/", "rs485:/dev/",
    "modbus:", "modbus-rtu:/dev/", "visa:", "ASRLsocket://",
]  # fmt: skip
PIECES = st.sampled_from([
    "::", ":", "/", ",", "?", "&", "=", "[", "]", "[::1]", "h", "10.0.0.3", "0", "5", "22", "101",
    "502", "70000", "0x05E6", "INSTR", "SOCKET", "INTFC", "RAW", "inst0", "hislip0", "dev", "pts",
    "ttyUSB0", "baud=9600", "parity=even", "gap_ms=5", "echo=no", "é", "²", " ", "..", "COM3", "://",
])  # fmt: skip


@given(
    st.sampled_from(BEGINNINGS),
    st.text(max_size=60) | st.lists(PIECES, max_size=8).map("".join),
)
@example("", "COM0")
def test_any_text_is_an_address_or_an_error_that_names_a_place_in_it(
    beginning: str, rest: str
) -> None:
    text = beginning + rest
    address, place = None, 1
    try:
        address = parse(text)
    except AddressError as error:
        place = error.context.get("position", 1)
    assert 1 <= place <= len(text) + 1
    if address is not None:
        again = parse(address.resource)
        assert again.resource == address.resource
        assert (again.key, again.unit) == (address.key, address.unit)


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
