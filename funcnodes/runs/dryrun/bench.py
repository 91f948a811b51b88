"""The bench of a dry run: the real one's names, drivers, limits and rules, on simulators in memory.

Nothing of it can reach an instrument: whatever has no simulator has no address either, and the
only channels that are made lead to simulators in this process. It tells nobody by mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from funcnodes.devices.addresses.forms import Address, AllowList, Options
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, BenchFile, DeviceConfig
from funcnodes.devices.benchfile.rules import NotifyConfig
from funcnodes.devices.estop.latch import Latch
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.memory import PortTransport, SimulatorPort
from funcnodes.errors import DeviceConnectError
from funcnodes.runs.dryrun import simulators
from funcnodes.runs.dryrun.models import stand_in

OWNER = "dry run"
OWN = "its own simulator answers"


@dataclass(frozen=True, slots=True)
class DryBench:
    """A bench of simulators.

    Attributes:
        bench: The bench, not yet open.
        worth: What the readings of each device are worth, by its name.
    """

    bench: Bench
    worth: Mapping[str, str]


def dry_bench(
    path: Path, folder: Path, *, own: str, named: Path | None, seed: int | None
) -> DryBench:
    """The bench of that file with a simulator in place of each instrument.

    Call it while the clock that the run goes by is the current one.

    Args:
        folder: Where tables of stand-ins are written; needed while the bench is.
        own: Name of the simulated bench that its `sim:` addresses ask for, or "".
        named: A bench file of the simulators, whose instruments stand for those of the same name.
        seed: Makes noise repeat.

    Raises:
        BenchError: A file is wrong.
    """
    config = BenchFile.load(path).usable
    places = _Places(folder)
    if named is not None:
        places.add("named", simulators.ports(str(named), seed=seed))
    if own:
        places.add("own", simulators.ports(own, seed=seed))
    worth = {name: places.place(device, named) for name, device in config.devices.items()}
    places.add_stand_ins(seed)
    bench = Bench(
        _on(config, places),
        path=path,
        latch=Latch(),
        owner=OWNER,
        make_transport=_OnlyMemory(places.ports),
    )
    bench.reachable = False
    return DryBench(bench, {name: text for name, text in worth.items() if text})


class _Places:
    """Where the simulator of each device is, or why it has none."""

    def __init__(self, folder: Path) -> None:
        self.ports: dict[str, SimulatorPort] = {}
        self.addresses: dict[str, str] = {}
        self.wrong: dict[str, str] = {}
        self._folder = folder
        self._lines = ""

    def add(self, group: str, ports: Mapping[str, SimulatorPort]) -> None:
        self.ports |= {f"{group}.{name}": port for name, port in ports.items()}

    def place(self, device: DeviceConfig, named: Path | None) -> str:
        """Find its simulator; gives what its readings are worth, "" where it has none."""
        own = simulator_of(device)
        for place, worth in (
            (f"named.{device.name}", f"its simulator of {named} answers"),
            (f"own.{own}", OWN),
        ):
            if place in self.ports and not device.wrong:
                self.addresses[device.name] = f"memory:{place}"
                return worth
        return "" if device.wrong else self._stand_in(device)

    def _stand_in(self, device: DeviceConfig) -> str:
        try:
            lines, worth = stand_in(device.driver, device.name, self._folder)
        except ValueError as error:
            self.wrong[device.name] = f"It cannot be tried dry: {error}."
            return ""
        self._lines += lines
        self.addresses[device.name] = f"memory:plain.{device.name}"
        return worth

    def add_stand_ins(self, seed: int | None) -> None:
        if self._lines:
            path = self._folder / "simulators.toml"
            path.write_text(self._lines, encoding="utf-8")
            self.add("plain", simulators.ports(str(path), seed=seed))


def simulator_of(device: DeviceConfig) -> str:
    """The simulator that an address names, or ""."""
    scheme, _, name = device.address.partition(":")
    return name.partition("?")[0] if scheme == "sim" else ""


def _on(config: BenchConfig, places: _Places) -> BenchConfig:
    devices = {name: _moved(device, places) for name, device in config.devices.items()}
    rules = replace(config.rules, notify=NotifyConfig())
    return replace(config, devices=devices, rules=rules, approval=None)


def _moved(device: DeviceConfig, places: _Places) -> DeviceConfig:
    if device.name in places.wrong:
        return replace(device, wrong=places.wrong[device.name])
    place = places.addresses.get(device.name)
    if place is None:
        return device
    if place.startswith("memory:own."):
        return replace(device, address=place, simulated=True)
    # Serial number and line are the real instrument's; a simulator has its own.
    return replace(device, address=place, simulated=True, serial="", options=Options())


@dataclass(frozen=True, slots=True)
class _OnlyMemory:
    """Makes channels to simulators in this process, and to nothing else."""

    ports: Mapping[str, SimulatorPort]

    def __call__(self, address: Address, protocol: Protocol, allow: AllowList) -> Transport:
        if address.kind != "memory":
            raise DeviceConnectError(
                f"{address.text}: a dry run opens nothing.", address=address.resource
            )
        return PortTransport(address, self.ports.get(address.port_name))
