"""Looking around disturbs nobody: whom it asks, what it says to them, whom it believes."""

import struct
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import discovery
from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.discovery.instruments import _usb_instruments
from funcnodes.devices.discovery.network import MOST_FOUND, _Asking
from funcnodes.errors import DeviceBusyError

from ...waiting import patience


async def test_what_a_worker_holds_is_not_asked_who_it_is(gadget: Any, tmp_path: Path) -> None:
    address = parse(gadget.address)
    lease = Lease.acquire(tmp_path, address, device="smu", worker="bench one")
    with pytest.raises(DeviceBusyError, match=r"worker 'bench one' .* holds it as 'smu'"):
        await discovery.identify(address, locks=tmp_path)
    assert (gadget.connections, gadget.received) == (0, [])
    lease.release()
    found = await discovery.identify(address, locks=tmp_path, timeout_s=patience())
    assert found.identity.model == "ONE"
    Lease.acquire(tmp_path, address, device="smu", worker="bench one").release()


async def test_nothing_but_the_question_is_said(gadget: Any) -> None:
    await discovery.identify(parse(gadget.address), timeout_s=patience())
    assert gadget.received == ["*IDN?"]


@pytest.mark.parametrize(
    ("interface", "is_instrument"),
    [(("fe", "03"), True), (("fe", "01"), False), (("03", "03"), False), (("ff", "ff"), False),
     (("", ""), False)],
)  # fmt: skip
def test_of_what_is_on_usb_only_measuring_instruments_are_listed(
    tmp_path: Path, interface: tuple[str, str], is_instrument: bool
) -> None:
    """USBTMC 1.0, table 43: class FE, subclass 03. A keyboard or a firmware loader is none."""
    device, part = tmp_path / "1-2", tmp_path / "1-2:1.0"
    for folder, files in (
        (device, {"idVendor": "05e6", "idProduct": "2450", "serial": "04"}),
        (part, dict(zip(("bInterfaceClass", "bInterfaceSubClass"), interface, strict=True))),
    ):
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")
    found = [each.address for each in _usb_instruments(tmp_path)]
    assert found == (["USB0::0x05E6::0x2450::04::INSTR"] if is_instrument else [])


# ── whom a broadcast believes (RFC 1833, 3.2) ─────────────────────────────────────────────

RIGHT = {"number": None, "kind": 1, "status": 0, "accepted": 0, "port": 1024}


def answered(asking: _Asking, **other: int) -> set[str]:
    """Who is found after one answer."""
    given: dict[str, Any] = {**RIGHT, **other}
    number = asking._id if given["number"] is None else given["number"]
    fields = (number, given["kind"], given["status"], 0, 0, given["accepted"], given["port"])
    asking.datagram_received(struct.pack(">7I", *fields), ("192.0.2.7", 111))
    return asking.hosts


def test_an_answer_to_our_own_question_is_believed() -> None:
    assert answered(_Asking()) == {"192.0.2.7"}


@pytest.mark.parametrize(
    "other",
    [{"number": 1}, {"kind": 0}, {"status": 1}, {"accepted": 1}, {"port": 0}, {"port": 65_536}],
)
def test_anything_else_is_not(other: dict[str, int]) -> None:
    """Somebody else's question, a refusal, or a service that is not there."""
    asking = _Asking()
    asking._id = 2
    assert answered(asking, **other) == set()


def test_half_an_answer_is_none_and_there_is_an_end_to_answers() -> None:
    asking = _Asking()
    asking.datagram_received(b"\0" * 27, ("192.0.2.7", 111))
    assert asking.hosts == set()
    asking.hosts = {str(number) for number in range(MOST_FOUND)}
    assert len(answered(asking)) == MOST_FOUND
