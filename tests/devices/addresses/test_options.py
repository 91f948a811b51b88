"""Options behind an address and in a bench file: the same names, one sentence for what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices.addresses import (
    Options,
    SerialOptions,
    TalkOptions,
    parse,
    with_beneath,
    written_with,
)
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.errors import AddressError, BenchError, DeviceError

LINE = "serial:/dev/ttyUSB0"


def in_bench(tmp_path: Path, address: str, more: str) -> Options:
    """The options of a device in a bench file."""
    path = tmp_path / "bench.toml"
    path.write_text(f'[devices.it]\ndriver = "scpi"\naddress = "{address}"\n{more}\n')
    return BenchFile.load(path).config.devices["it"].options


@pytest.mark.parametrize(
    ("written", "key", "attribute", "value"),
    [
        ("baud=57600", "baud = 57600", "baud", 57600),
        ("bits=7", "bits = 7", "bits", 7),
        ("parity=even", 'parity = "even"', "parity", "even"),
        ("stop=1.5", "stop = 1.5", "stop", 1.5),
        ("stop=2", "stop = 2.0", "stop", 2.0),
        ("flow=xonxoff", 'flow = "xonxoff"', "flow", "xonxoff"),
        ("flow=RTSCTS", 'flow = "rtscts"', "flow", "rtscts"),
        ("dtr=leave", 'dtr = "leave"', "dtr", "leave"),
        ("rts=low", 'rts = "low"', "rts", "low"),
        ("eol=cr", 'eol = "cr"', "eol", "\r"),
        ("eol=CRLF", r'eol = "\r\n"', "eol", "\r\n"),
        ("eol=%03", r'eol = "\u0003"', "eol", "\x03"),
        ("eol=;", 'eol = ";"', "eol", ";"),
        ("eol=none", 'eol = "none"', "eol", ""),
        ("reply_eol=lfcr", 'reply_eol = "lfcr"', "reply_eol", "\n\r"),
        ("encoding=latin-1", 'encoding = "latin-1"', "encoding", "latin-1"),
        ("wait_s=2.5", "wait_s = 2.5", "wait_s", 2.5),
        ("banner=Box%20ready", 'banner = "Box ready"', "banner", "Box ready"),
    ],
)
def test_an_option_is_written_alike_behind_an_address_and_in_a_bench_file(
    tmp_path: Path, written: str, key: str, attribute: str, value: Any
) -> None:
    address = parse(f"{LINE}?{written}")
    assert address.options == in_bench(tmp_path, LINE, key)
    both = {**_said(address.serial), **_said(address.talk)}
    assert both == {attribute: value}
    assert parse(written_with(LINE, address.options)).options == address.options


def _said(options: Any) -> dict[str, Any]:
    found = {name: getattr(options, name) for name in type(options).__dataclass_fields__}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("option", "key", "allowed"),
    [
        ("baud=fast", 'baud = "fast"', "a baud rate from 50 to 4000000"),
        ("bits=9", "bits = 9", "5, 6, 7 or 8 data bits"),
        ("parity=yes", "parity = true", "none, odd, even, mark or space"),
        ("flow=hard", 'flow = "hard"', "none, xonxoff or rtscts"),
        ("dtr=up", 'dtr = "up"', "high, low or leave"),
        ("eol=abc", 'eol = "abc"', "cr, lf, crlf, lfcr, nul, etx, none, or 1 to 4 characters that"),
        ("reply_eol=none", 'reply_eol = "none"', "what a reply ends with, so not none"),
        ("encoding=utf-16", 'encoding = "utf-16"', "ascii, latin-1, cp437, cp850, cp1252 or utf-8"),
        ("wait_s=-1", "wait_s = -1", "seconds from 0 to 120"),
        ("wait_s=nan", "wait_s = nan", "seconds from 0 to 120"),
        ("banner=%0A", r'banner = "\n"', "a text of 1 to 80 characters"),
    ],
)
def test_a_bad_value_is_one_sentence_that_says_what_is_allowed_and_where(
    tmp_path: Path, option: str, key: str, allowed: str
) -> None:
    with pytest.raises(AddressError) as caught:
        parse(f"{LINE}?{option}")
    name = option.partition("=")[0]
    assert f"at character {len(LINE) + len(name) + 3} {allowed}" in caught.value.message
    with pytest.raises(BenchError) as told:
        in_bench(tmp_path, LINE, key)
    assert f"bench.toml: [devices.it] {name}: {allowed}" in told.value.message
    assert "is expected, not" in told.value.message


@pytest.mark.parametrize(
    ("address", "option"),
    [
        ("tcp:10.0.0.5:5025", "baud=9600"),
        ("modbus:10.0.0.7/1", "eol=cr"),
        ("serial:/dev/ttyUSB0", "gap_ms=5"),
        ("rs485:/dev/ttyUSB0/01", "banner=x"),
        ("GPIB0::22::INSTR", "dtr=low"),
    ],
)
def test_an_option_that_means_nothing_there_is_refused(
    tmp_path: Path, address: str, option: str
) -> None:
    name, _, value = option.partition("=")
    with pytest.raises(AddressError, match=f"at character {len(address) + 2} "):
        parse(f"{address}?{option}")
    with pytest.raises(BenchError, match=rf"\[devices.it\] {name}: it means nothing at"):
        in_bench(tmp_path, address, f"{name} = {value if value.isdigit() else repr(value)}")


def test_an_address_goes_before_the_bench_file_and_both_before_the_driver() -> None:
    driver = Protocol(eol="\r\n", reply_eol="\r\n", serial=SerialOptions(baud=9600, parity="odd"))
    bench = Options(SerialOptions(baud=19200, bits=7), talk=TalkOptions(eol="\r"))
    address = with_beneath(parse(f"{LINE}?baud=57600"), bench)
    found = driver.at(address)
    assert found.serial == SerialOptions(baud=57600, bits=7, parity="odd")
    assert (found.eol, found.reply_eol) == ("\r", "\r")


def test_one_terminator_stands_for_both_directions_where_the_other_is_not_named() -> None:
    def ends(options: str) -> tuple[str, str]:
        found = Protocol(eol="\n", reply_eol="\r\n").at(parse(f"tcp:h:1?{options}"))
        return found.eol, found.reply_eol

    assert ends("encoding=ascii") == ("\n", "\r\n")
    assert ends("eol=cr") == ("\r", "\r")
    assert ends("eol=cr&reply_eol=lf") == ("\r", "\n")
    assert ends("reply_eol=lf") == ("\n", "\n")
    assert ends("eol=none") == ("", "\r\n")


def test_a_driver_with_a_framing_of_its_own_takes_no_terminator() -> None:
    from funcnodes.devices.messages.framing import Enquiry

    with pytest.raises(DeviceError, match="eol, reply_eol and encoding mean nothing"):
        Protocol(framing=Enquiry()).at(parse("tcp:h:1?eol=cr"))


@pytest.mark.parametrize(
    ("bare", "full"),
    [
        ("COM3", "serial:COM3"),
        ("com12?baud=9600", "serial:com12?baud=9600"),
        ("/dev/ttyUSB0", "serial:/dev/ttyUSB0"),
        ("/dev/pts/3?eol=cr", "serial:/dev/pts/3?eol=cr"),
        ("10.0.0.5:5025", "tcp:10.0.0.5:5025"),
        ("dmm.lab:5025?wait_s=1", "tcp:dmm.lab:5025?wait_s=1"),
        ("[fe80::1]:5025", "tcp:[fe80::1]:5025"),
        ("rfc2217://server:4001", "rfc2217:server:4001"),
        ("rfc2217://server:4001?baud=9600", "ASRLrfc2217://server:4001::INSTR?baud=9600"),
    ],
)
def test_a_bare_port_path_or_host_stands_for_its_short_form(bare: str, full: str) -> None:
    one, other = parse(bare), parse(full)
    assert (one.kind, one.key, one.options) == (other.kind, other.key, other.options)
    assert one.resource.lower() == other.resource.lower()


@pytest.mark.parametrize("text", ["COM", "10.0.0.5", "/etc/passwd", "tcp:5025", "ho st:1", "smu:x"])
def test_what_is_no_bare_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text)


def test_a_simulator_in_place_of_a_line_takes_no_settings_and_minds_none() -> None:
    """Swapping a simulated bench for the real one changes addresses and nothing else."""
    beneath = Options(SerialOptions(baud=57600), talk=TalkOptions(eol="\r"))
    place = with_beneath(parse("sim:tc", {"tc": "tcp:127.0.0.1:5"}), beneath)
    assert place.talk.eol == "\r"
    with pytest.raises(AddressError, match="baud = 57600 means nothing there"):
        with_beneath(parse("tcp:127.0.0.1:5"), beneath)


def test_a_bench_file_keeps_options_when_it_is_saved(tmp_path: Path) -> None:
    options = parse(f"{LINE}?baud=19200&eol=cr&reply_eol=crlf&dtr=low&wait_s=2").options
    from funcnodes.devices.benchfile import DeviceConfig

    file = BenchFile.new("b")
    file.put_device(DeviceConfig("it", "scpi", LINE, options=options))
    file.save(tmp_path / "b.toml")
    assert 'eol = "cr"' in (tmp_path / "b.toml").read_text()
    assert BenchFile.load(tmp_path / "b.toml").config.devices["it"].options == options
