"""Whom a bench strikes, parks or leaves alone, by what it says for each cause (S1)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from funcnodes.devices import Bench, DeviceConfig, ScpiDevice, control, driver
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.transports.memory import MemoryTransport

from ...waiting import until

ACTIONS = ("estop", "park", "hold")
CAUSES = ("on_estop", "at_end", "on_worker_death", "on_operator_lost")


@driver("test.lamp", title="Test lamp", errors="", estop=("KILL",), safe_state="lamp off")
class Lamp(ScpiDevice):
    """Made up: what strikes it and what parks it are two words."""

    on = control(bool, "ON?", "ON {v:d}", safe=False)


class Instrument:
    """Lit until it is told otherwise."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.is_on = True

    def answer(self, data: bytes) -> bytes:
        said = b""
        for line in filter(None, data.decode().split("\n")):
            if line == "*IDN?":
                said += b"ACME,LAMP,7,1\n"
            elif line == "ON?":
                said += b"%d\n" % self.is_on
            else:
                self.heard.append(line)
                self.is_on = self.is_on and line not in ("KILL", "ON 0")
        return said


@pytest.fixture
def instruments() -> dict[str, Instrument]:
    """One for each action, by its name."""
    return {action: Instrument() for action in ACTIONS}


@asynccontextmanager
async def opened(cause: str, instruments: dict[str, Instrument]) -> AsyncIterator[Bench]:
    """A bench whose devices are told by their names what to do on `cause`."""
    devices = {
        name: DeviceConfig(name, "test.lamp", f"tcp:127.0.0.1:{port}", actions={cause: name})  # type: ignore[dict-item]  # names of both
        for port, name in enumerate(ACTIONS, 5001)
    }
    config = BenchConfig("b", devices=devices, operator_lost_s=0.01)

    def channel(address: object, *_: object) -> MemoryTransport:
        port = int(str(getattr(address, "port", 0)))
        return MemoryTransport(instruments[ACTIONS[port - 5001]].answer)

    with drivers.lent(Lamp):
        bench = Bench(config, make_transport=channel)
    async with bench:
        yield bench


def words(instruments: dict[str, Instrument]) -> dict[str, list[str]]:
    return {name: each.heard[:1] for name, each in instruments.items()}


async def test_an_e_stop_does_with_each_device_what_the_bench_says(
    instruments: dict[str, Instrument],
) -> None:
    async with opened("on_estop", instruments) as bench:
        acks = {ack.device: ack.state for ack in await bench.estop("smoke", "anna")}
    assert words(instruments) == {"estop": ["KILL"], "park": ["ON 0"], "hold": []}
    assert acks == {"estop": "off", "park": "off", "hold": "held"}


async def test_so_does_the_end_of_a_run(instruments: dict[str, Instrument]) -> None:
    async with opened("at_end", instruments) as bench:
        results = {each.device: each.state for each in await bench.park()}
    assert words(instruments) == {"estop": ["KILL"], "park": ["ON 0"], "hold": []}
    assert results == {"estop": "parked", "park": "parked", "hold": "held"}


async def test_so_does_the_end_of_the_worker(instruments: dict[str, Instrument]) -> None:
    async with opened("on_worker_death", instruments) as bench:
        await bench.make_safe("on_worker_death")
        assert not bench.latch.latched
    assert words(instruments) == {"estop": ["KILL"], "park": ["ON 0"], "hold": []}


async def test_so_does_the_dead_man(instruments: dict[str, Instrument]) -> None:
    """A magnet that is told to park is parked: "not struck" does not mean "left alone"."""
    async with opened("on_operator_lost", instruments) as bench:
        bench.operator_here(False, "Ada")
        await until(lambda: bench.latch.state.acks and not bench.latch.unconfirmed())
        assert bench.latch.state.by == "the dead-man"
        assert "Ada has been away" in bench.latch.state.cause
    assert words(instruments) == {"estop": ["KILL"], "park": ["ON 0"], "hold": []}


async def test_the_guards_bytes_reach_whom_an_e_stop_concerns_and_nobody_who_is_held(
    instruments: dict[str, Instrument],
) -> None:
    """The loop is held, so nothing can be parked: it is struck. What is held stays as it is."""
    async with opened("on_estop", instruments) as bench:
        fired = bench.emergency.fire()
        assert [each.device for each in fired] == ["estop", "park"]
        assert instruments["hold"].heard == []
        assert instruments["hold"].is_on
    assert words(instruments) == {"estop": ["KILL"], "park": ["KILL"], "hold": []}


@pytest.mark.parametrize("cause", CAUSES)
async def test_by_default_a_run_parks_the_dead_man_holds_and_all_else_strikes(
    cause: str, instruments: dict[str, Instrument]
) -> None:
    default = {"at_end": "park", "on_operator_lost": "hold"}.get(cause, "estop")
    async with opened("on_estop" if cause != "on_estop" else "at_end", instruments) as bench:
        assert {device.action(cause) for device in bench.devices.values()} == {default}  # type: ignore[arg-type]  # one of CAUSES
