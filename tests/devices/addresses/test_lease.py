"""An address has one owner among all processes, and loses it with its life."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease, holder_of
from funcnodes.errors import DeviceBusyError

from ...waiting import patience

ADDRESS = parse("tcp:127.0.0.1:5025")
OTHER = """
import sys, pathlib
from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Lease
lease = Lease.acquire(
    pathlib.Path(sys.argv[1]), parse("TCPIP0::localhost::5025::SOCKET"),
    device="smu", worker="bench two",
)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def test_the_other_process_is_told_who_holds_it_and_gets_it_after_a_kill(locks: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(locks)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DeviceBusyError) as caught:
            Lease.acquire(locks, ADDRESS, device="source", worker="bench one")
        assert str(caught.value) == (
            "source (TCPIP0::127.0.0.1::5025::SOCKET): worker 'bench two' "
            f"(process {other.pid}) holds it as 'smu'."
        )
        holder = holder_of(locks, ADDRESS)
        assert holder is not None
        assert (holder.pid, holder.worker) == (other.pid, "bench two")
        other.send_signal(signal.SIGKILL)
        other.wait(patience())
    Lease.acquire(locks, ADDRESS, device="source", worker="bench one").release()


def test_a_released_lease_is_free_and_releasing_twice_is_harmless(locks: Path) -> None:
    lease = Lease.acquire(locks, ADDRESS, device="a", worker="w")
    lease.release()
    lease.release()
    assert holder_of(locks, ADDRESS) is None
    Lease.acquire(locks, ADDRESS, device="b", worker="w").release()


def test_lock_files_are_private(locks: Path) -> None:
    lease = Lease.acquire(locks, ADDRESS, device="a", worker="w")
    assert lease.path.stat().st_mode & 0o777 == 0o600
    assert locks.stat().st_mode & 0o777 == 0o700
    lease.release()
