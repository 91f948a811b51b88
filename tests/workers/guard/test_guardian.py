"""The guardian as a process, an instrument on a real socket, and a worker that dies or freezes."""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from funcnodes.devices.estop.emergency import Target
from funcnodes.workers.guard.guardian import SILENCE_S, Word
from funcnodes.workers.processes import Process

from ...waiting import eventually, patience

Limit = Callable[[float], float]

IDN = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,SIM0001,C33"


class Instrument:
    """Answers *IDN? and remembers what it was told."""

    def __init__(self, idn: str = IDN) -> None:
        self.idn = idn
        self.heard = b""
        self.off = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"TCPIP0::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(patience())

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(4096):
                    self.heard += data
                    if b"*IDN?\n" in data:
                        connection.sendall(self.idn.encode() + b"\n")
                    if b":OUTP OFF\n" in self.heard:
                        self.off.set()

    def target(self) -> Target:
        return Target(
            device="smu",
            address=self.address,
            transport="tcp",
            data=b"\n:OUTP OFF\n",
            ask=b"\n*IDN?\n",
            idn=IDN,
            serial="SIM0001",
        )


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    found = Instrument()
    yield found
    found.close()


@pytest.fixture
def worker() -> Iterator["subprocess.Popen[bytes]"]:
    """Something to watch."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.fixture
def guardian() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "funcnodes.workers.guard.guardian"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


def say(guardian: "subprocess.Popen[bytes]", word: Word) -> None:
    assert guardian.stdin is not None
    guardian.stdin.write(msgspec.json.encode(word) + b"\n")
    guardian.stdin.flush()


def until_read(guardian: "subprocess.Popen[bytes]") -> None:
    """Wait until it has read all that was said."""
    assert guardian.stdin is not None
    end = time.monotonic() + 20
    while struct.unpack("i", fcntl.ioctl(guardian.stdin, termios.FIONREAD, b"\0" * 4))[0]:
        assert time.monotonic() < end
        time.sleep(0.01)


def plan(worker: "subprocess.Popen[bytes]", instrument: Instrument) -> Word:
    process = Process.of(worker.pid)
    assert process is not None
    return Word(pid=process.pid, started=process.started, targets=[instrument.target()])


def end_pipe(guardian: "subprocess.Popen[bytes]") -> bytes:
    """The worker has died: its end of the pipe is gone. What the guardian said."""
    return guardian.communicate(timeout=patience())[1]


def test_a_worker_that_died_leaves_its_bench_to_the_guardian(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
) -> None:
    say(guardian, plan(worker, instrument))
    worker.kill()
    worker.wait()
    said = end_pipe(guardian)
    assert instrument.off.is_set()
    assert b"smu: sent in" in said
    assert guardian.returncode == 0


def test_what_is_left_of_the_worker_is_killed_before_the_bytes_go_out(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
) -> None:
    """An instrument may take one client only, and a frozen worker must not write later."""
    say(guardian, plan(worker, instrument))
    worker.send_signal(signal.SIGSTOP)
    end_pipe(guardian)
    assert worker.wait(patience()) == -signal.SIGKILL
    assert instrument.off.is_set()


def test_silence_is_taken_for_a_freeze(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
    limit: Limit,
) -> None:
    """SIGSTOP of a worker: dead within 3 s. Heartbeats keep it alive before."""
    say(guardian, plan(worker, instrument))
    until_read(guardian)  # on a loaded machine it takes a while to start
    for _ in range(6):
        time.sleep(0.1)
        say(guardian, Word())
    until_read(guardian)
    assert worker.poll() is None
    began = time.monotonic()
    assert instrument.off.wait(patience())
    assert SILENCE_S - 0.2 < time.monotonic() - began < limit(3)
    assert worker.wait(patience()) == -signal.SIGKILL


def test_a_worker_that_ends_in_order_leaves_nothing_to_do(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
) -> None:
    say(guardian, plan(worker, instrument))
    say(guardian, Word(stand_down=True))
    assert end_pipe(guardian) == b""
    assert instrument.heard == b""
    assert worker.poll() is None


def test_another_instrument_at_the_address_is_left_alone(
    guardian: "subprocess.Popen[bytes]", worker: "subprocess.Popen[bytes]"
) -> None:
    other = Instrument(idn="ACME,MAGNET,1,1")
    try:
        say(guardian, plan(worker, other))
        said = end_pipe(guardian)
        assert b"NOT SENT" in said
        assert b"MAGNET" in said
        assert not other.off.is_set()
    finally:
        other.close()


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether the process has come so far as to ignore a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigIgn")).split()[1]
    return bool(int(mask, 16) & (1 << (number - 1)))


def test_ctrl_c_in_the_terminal_does_not_end_the_guardian(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
) -> None:
    say(guardian, plan(worker, instrument))
    eventually(lambda: ignores(guardian.pid, signal.SIGHUP))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guardian.pid, number)
    end_pipe(guardian)
    assert instrument.off.is_set()


def test_a_line_that_is_not_understood_changes_nothing(
    guardian: "subprocess.Popen[bytes]",
    worker: "subprocess.Popen[bytes]",
    instrument: Instrument,
) -> None:
    say(guardian, plan(worker, instrument))
    assert guardian.stdin is not None
    guardian.stdin.write(b"nonsense\n{\n" + b"x" * 100_000 + b"\n")
    guardian.stdin.flush()
    end_pipe(guardian)
    assert instrument.off.is_set()
