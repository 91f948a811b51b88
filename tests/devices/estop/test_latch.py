"""The latch survives everything and lets go only when every device is accounted for (S4)."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes.errors import RefusedError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latch.json"


def test_it_survives_a_restart(path: Path) -> None:
    latch = Latch(path)
    latch.engage("smoke", "anna")
    latch.acknowledge(StopAck(device="smu", state="off", ms=3.0))
    again = Latch(path)
    assert again.latched
    assert (again.state.by, again.state.cause) == ("anna", "smoke")
    assert again.state.acks == (StopAck(device="smu", state="off", ms=3.0),)
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_refuses_while_engaged_and_says_by_whom(path: Path) -> None:
    latch = Latch(path)
    latch.check("anything")
    latch.engage("smoke", "anna")
    with pytest.raises(RefusedError, match=r"setting voltage was refused: .*anna \(smoke\)"):
        latch.check("setting voltage")


def test_a_device_that_did_not_acknowledge_is_confirmed_by_name(path: Path) -> None:
    latch = Latch(path)
    latch.engage("smoke", "anna")
    latch.acknowledge(
        StopAck(device="smu", state="off"),
        StopAck(device="tc", state="unanswered"),
        StopAck(device="hv", state="sent"),
        StopAck(device="magnet", state="held"),
    )
    with pytest.raises(RefusedError, match="hv and tc did not acknowledge"):
        latch.reset(by="ben")
    with pytest.raises(RefusedError, match="hv did not acknowledge"):
        latch.reset(by="ben", confirmed=["tc"])
    latch.reset(by="ben", confirmed=["tc", "hv"])
    assert not Latch(path).latched


def test_a_read_back_is_not_taken_back_by_a_weaker_word() -> None:
    latch = Latch()
    latch.engage("smoke", "anna")
    latch.acknowledge(StopAck(device="smu", state="off", ms=3.0))
    latch.acknowledge(StopAck(device="smu", state="sent", ms=1.0))
    assert latch.state.acks[0].state == "off"


def test_a_second_press_keeps_the_first_cause() -> None:
    latch = Latch()
    latch.engage("smoke", "anna")
    latch.engage("again", "ben")
    assert latch.state.by == "anna"


def test_it_engages_from_any_thread() -> None:
    latch = Latch()
    seen: list[bool] = []
    latch.on_change(lambda state: seen.append(state.latched))
    thread = threading.Thread(target=latch.engage, args=("stuck", "guard"))
    thread.start()
    thread.join()
    assert latch.latched
    assert seen == [True]


@pytest.mark.parametrize("content", [b"", b"{", b'{"latched": 3}', b"\xff"])
def test_a_file_that_cannot_be_read_counts_as_latched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    latch = Latch(path)
    assert latch.latched
    latch.reset(by="ben")
    assert not Latch(path).latched


def test_it_is_not_reset_while_what_tripped_it_goes_on() -> None:
    latch, reasons = Latch(), ["it is still hot"]
    forget = latch.guard(lambda: next(iter(reasons), ""))
    latch.engage("hot", "interlock")
    with pytest.raises(RefusedError, match="reset by anna was refused: it is still hot"):
        latch.reset(by="anna")
    assert latch.latched
    forget()
    latch.reset(by="anna")
    assert not latch.latched


def test_a_listener_that_raises_keeps_nobody_from_hearing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    latch, seen = Latch(), []

    def broken(_: object) -> None:
        raise ZeroDivisionError

    latch.on_change(broken)
    latch.on_change(seen.append)
    latch.engage("smoke", "anna")
    assert [state.by for state in seen] == ["anna"]
    assert "A listener to the E-STOP failed" in caplog.text


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows; names can still be changed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_neither_raises_nor_releases_it_at_a_restart(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """S3a: storage errors never leave the latch, and what is not kept is said."""
    latch = Latch(path)
    latch.reserve()
    latch.engage("smoke", "anna")
    with full_disk():
        latch.acknowledge(StopAck(device="smu", state="off", ms=3.0))
        assert latch.state.acks[0].state == "off"
        assert "not kept on disk" in caplog.text
        again = Latch(path)
        assert again.latched
        assert "not kept" in again.state.cause
        latch.reset(by="anna")
    assert not latch.latched
    latch.save()
    assert not Latch(path).latched


def test_a_full_disk_without_room_kept_is_said(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latch = Latch(path)
    latch.engage("smoke", "anna")
    with full_disk():
        latch.save()
    assert latch.latched
    assert "a restart would release it" in caplog.text


def test_a_disk_that_hangs_does_not_hold_up_the_next_stop(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr("funcnodes.devices.estop.latch.write_private", lambda *_: hangs.wait(5))
    latch = Latch(path)
    thread = threading.Thread(target=latch.save)
    thread.start()
    latch.engage("smoke", "anna")
    latch.acknowledge(StopAck(device="smu", state="off"), keep=False)
    assert not hangs.is_set()
    assert thread.is_alive()
    hangs.set()
    thread.join(5)
