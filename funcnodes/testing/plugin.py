"""What funcnodes brings to pytest: fixtures for drivers, simulated benches and their faults.

Found by pytest through the entry point `pytest11`. Fixtures are factories, so that they need no
particular plugin for asynchronous tests.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.declarations.drivers import Instrument
    from funcnodes.testing.conversation import Conversation, Line
    from funcnodes.testing.fixtures import Dialogue, Faults, I, OpenBench, Replay, Simulate
    from funcnodes_simulators import SimulatedBench


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--instrument`; `--device` is pytest-playwright's."""
    parser.getgroup("funcnodes").addoption(
        "--instrument",
        metavar="ADDRESS",
        default="",
        help="Address of the real instrument that tests with the `hardware` fixture may use.",
    )


@pytest.fixture
def dialogue() -> "Dialogue":
    """A driver against a script of exact bytes.

        async with dialogue(Smu, connect=["*IDN? -> ACME,ONE,7,1.0"]) as wire:
            wire.expect(":VOLT 1.5", ":SYST:ERR? -> 0,\"No error\"")
            await wire.instrument.voltage.set(1.5)

    Lines are text without terminators, or for any other framing bytes as they are:
    `(b"\\x01\\x03\\x00\\x10", b"\\x01\\x83\\x02")`. Whatever is written beyond the script, or left
    of it, fails the test.
    """
    from funcnodes.testing.conversation import Conversation

    def converse(driver: "type[I]", connect: "Iterable[Line]" = ()) -> "Conversation[I]":
        return Conversation(driver, connect)

    return converse


@pytest.fixture
def simulate(tmp_path: Path) -> "Iterator[Simulate]":
    """Simulated benches on real wires; all of them are closed at the end of the test.

        bench = simulate()                      # the demo's: an SMU with a diode, a heater
        bench = simulate("my_bench.toml")       # a file, or the text of one
        bench = simulate(strict=True)           # what a driver does wrong fails the test
        bench = simulate(faults="faults.toml")  # what goes wrong
        bench.resources["smu"]                  # its address

    The same `seed`, 0 unless given, gives the same noise and the same faults.
    """
    from funcnodes_simulators import SimulatedBench

    with ExitStack() as running:

        def start(
            bench: str | Path = "demo",
            *,
            seed: int = 0,
            strict: bool = False,
            faults: str | Path | None = None,
        ) -> "SimulatedBench":
            text = str(bench)
            if "\n" in text:
                file = tmp_path / f"simulated_{len(list(tmp_path.iterdir()))}.toml"
                file.write_text(text, encoding="utf-8")
                text = str(file)
            return running.enter_context(
                SimulatedBench.start(text, seed=seed, strict=strict, faults=faults)
            )

        yield start


@pytest.fixture
def faults() -> "Faults":
    """What goes wrong with one instrument of a simulated bench.

    smu = faults(bench, "smu")
    smu("drop", match=":READ")              # the next reply to :READ? never comes
    smu("delay", seconds=0.5, nth=3)
    smu.power_cycle()
    """
    return Breaker


class Breaker:
    """Breaks one instrument of a simulated bench; called with a kind of fault.

    The kinds and what they take are those of `funcnodes_simulators.faults.Fault`.
    """

    def __init__(self, bench: "SimulatedBench", device: str) -> None:
        self._bench = bench
        self._device = device

    def __call__(self, kind: str, **details: object) -> None:
        """Arm a fault; raises ValueError where it makes no sense."""
        self._bench.fault(self._device, kind, **details)

    def power_cycle(self) -> None:
        """Switch the instrument off and on again: it forgets its settings."""
        self._bench.power_cycle(self._device)

    def clear(self) -> None:
        """Nothing goes wrong any more, with any instrument."""
        self._bench.clear()


@pytest.fixture
def open_bench() -> "OpenBench":
    """A bench to be opened by `async with`.

        async with open_bench({"smu": (Smu, simulated.resources["smu"])}) as bench:
            await bench.device("smu").acting(Smu).voltage.set(1.5)

    Takes names with a driver, a class or its name, and an address; or the path of a bench file,
    with `resources` for what `sim:NAME` in it stands for.
    """
    from funcnodes.testing.benches import bench_of

    return bench_of


@pytest.fixture
def replay() -> "Replay":
    """A bench whose devices a recording answers for, to be opened by `async with`.

        async with replay("session.jsonl", {"smu": Smu}) as bench:
            assert await bench.device("smu").acting(Smu).voltage.get() == 1.5

    Recordings come from `funcnodes device record` and `funcnodes run --record-traffic`. Drivers
    that are installed need not be named. What is said otherwise than it was recorded fails with
    the difference; with `match` the order is free, with `timed` replies take as long as they did.
    """
    from funcnodes.testing.benches import replayed_bench

    def open_replay(
        recording: Path | str,
        drivers: "Mapping[str, type[Instrument]] | None" = None,
        *,
        match: bool = False,
        timed: bool = False,
    ) -> "Bench":
        return replayed_bench(Path(recording), drivers or {}, match=match, timed=timed)

    return open_replay


@pytest.fixture
def hardware(request: pytest.FixtureRequest) -> str:
    """Address of a real instrument; without `--instrument ADDRESS` the test is left out."""
    address: str = request.config.getoption("--instrument")
    if not address:
        pytest.skip("it needs the instrument: --instrument ADDRESS")
    return address
