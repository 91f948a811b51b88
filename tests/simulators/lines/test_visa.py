"""pyvisa as the client of HiSLIP and VXI-11: what others wrote, against what is written here."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import ResourceAttribute, StatusCode

from funcnodes_simulators import SimulatedBench
from funcnodes_simulators.faults import Fault
from funcnodes_simulators.lines.hislip import HislipServer
from funcnodes_simulators.lines.vxi11 import Vxi11Server

Limit = Callable[[float], float]

MEGABYTE = bytes(range(256)) * 4096
LINES = {"read_termination": "\n", "write_termination": "\n", "timeout": 5000}
WIRES = pytest.mark.parametrize("server", [HislipServer, Vxi11Server])


@pytest.fixture(scope="module")
def visa() -> Iterator[pyvisa.ResourceManager]:
    manager = pyvisa.ResourceManager("@py")
    yield manager
    manager.close()


@pytest.fixture
def wire_to(wire_up: Callable[..., Any], visa: pyvisa.ResourceManager) -> Iterator[Any]:
    """Serve a scope and open it by pyvisa."""
    opened: list[Any] = []

    def wire_to(server: type, clients: int = 1) -> Any:
        wired = wire_up(server, clients=clients)
        opened.append(visa.open_resource(wired.resource, **LINES))
        return wired, opened[-1]

    yield wire_to
    for each in opened:
        each.close()


@WIRES
def test_query_write_and_status(wire_to, server) -> None:
    wired, scope = wire_to(server)
    assert scope.query("*IDN?") == "ACME,SCOPE,SIM1,1.0"
    scope.write(":NONSENSE")
    assert scope.query("*OPC?") == "1"
    assert scope.read_stb() == 4
    assert scope.query(":SYST:ERR?").startswith("-113")
    assert scope.read_stb() == 0
    scope.write("*SRE 4;:NONSENSE")
    wired.has_received("*SRE 4;:NONSENSE")


@WIRES
def test_a_block_of_a_megabyte_each_way(wire_to, server) -> None:
    wired, scope = wire_to(server)
    assert bytes(scope.query_binary_values(":WAV:DATA?", datatype="B", container=bytes)) == MEGABYTE
    scope.write(f":LAB '{'x' * 1_500_000}'")
    assert scope.query("*OPC?;:SYST:ERR?") == '1;0,"No error"'
    assert len(wired.station.commands[-2][1]) == 1_500_007


@WIRES
def test_a_timeout_then_a_clear_then_the_right_reply(wire_to, server) -> None:
    """D4: a long query is interrupted by device clear, and nobody gets its late reply."""
    _, scope = wire_to(server)
    scope.timeout = 100
    with pytest.raises(pyvisa.VisaIOError) as caught:
        scope.query(":LONG?")
    assert caught.value.error_code == StatusCode.error_timeout
    scope.timeout = 5000
    scope.clear()
    assert scope.query("*OPC?") == "1"
    assert scope.query(":SYST:ERR?") == '0,"No error"'


@WIRES
def test_after_a_timeout_without_a_clear_the_reply_is_right_too(wire_to, server) -> None:
    wired, scope = wire_to(server)
    wired.station.faults.add(Fault("late", seconds=0.2, match="*IDN"))
    scope.timeout = 50
    with pytest.raises(pyvisa.VisaIOError):
        scope.query("*IDN?")
    scope.timeout = 5000
    assert scope.query("*OPC?") == "1"


def test_vxi11_triggers_and_locks(wire_to) -> None:
    wired, scope = wire_to(Vxi11Server, clients=2)
    scope.assert_trigger()
    assert scope.query(":TRIG:COUN?") == "1"
    scope.lock_excl(timeout=1000)
    assert wired.station.state()["interface"]["locks"] == 1
    scope.unlock()
    assert wired.station.state()["interface"]["locks"] == 0


def test_hislip_agrees_on_a_message_size(wire_to) -> None:
    _, scope = wire_to(HislipServer)
    size = scope.get_visa_attribute(ResourceAttribute.tcpip_hislip_max_message_kb)
    assert size == 1024
    assert scope.query("*OPC?") == "1"


def test_a_bench_file_serves_on_every_wire(tmp_path, visa, limit: Limit) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\n[stage.s]\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "hislip"\nclients = 2\n'
        '[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "vxi11"\n'
    )
    with SimulatedBench.start(str(path), seed=1) as bench:
        assert bench.resources["smu"].startswith("TCPIP0::127.0.0.1::hislip0,")
        assert bench.resources["tc"].endswith("::inst0::INSTR")
        smu = visa.open_resource(bench.resources["smu"], **LINES)
        tc = visa.open_resource(bench.resources["tc"], **LINES)
        try:
            assert smu.query("*IDN?").startswith("KEITHLEY")
            assert tc.query("*IDN?").startswith("LSCI,MODEL335")
            smu.write(":OUTP ON;:TRIG:COUN 2500;:SENS:CURR:NPLC 10;:READ?")
            bench.wait("smu", "output", True)
            began = time.monotonic()
            smu.clear()
            smu.write(":OUTP OFF")
            bench.wait("smu", "output", False)
            assert time.monotonic() - began < limit(2)
            assert bench.state()["tc"]["clients"] == 1
        finally:
            smu.close()
            tc.close()
