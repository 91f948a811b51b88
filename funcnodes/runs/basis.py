"""On what a run stands, kept with it: which drivers, instruments and limits.

A run that goes on with another one stands on the same, or does not begin.
"""

import hashlib
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from funcnodes.core import Node, units
from funcnodes.devices.bench import Bench
from funcnodes.runs.holding import UsesMembers
from funcnodes.runs.plan import Plan


def basis_of(bench: Bench | None, devices: Iterable[str], plan: Plan) -> dict[str, Any]:
    """What the devices of a run are, and within which limits it may set what it sets.

    Returns:
        `bench`, the path of its file, and `devices`, by name of the device: `driver`, `code` (a
        hash of the driver's text), `serial`, `simulated`, and `limits` by member, each as [low,
        high] in the member's unit.
    """
    found: dict[str, Any] = {}
    members = list(_members(plan))
    for name in sorted(devices):
        device = bench.devices.get(name) if bench is not None else None
        if device is None:
            continue
        limits = {}
        for member in sorted({member for where, member in members if where == name}):
            range_ = device.limits(member)
            if range_ is not None:
                limits[member] = [range_.low, range_.high]
        found[name] = {
            "driver": device.driver,
            "code": code_of(device.kind),
            "serial": device.identity.serial,
            "simulated": device.simulated,
            "limits": limits,
        }
    path = bench.path if bench is not None else None
    return {"bench": str(path.absolute()) if path is not None else "", "devices": found}


def members_set(nodes: Iterable[Node]) -> frozenset[tuple[str, str]]:
    """The members of devices that nodes write to."""
    found = (node.members_used() for node in nodes if node.effect and isinstance(node, UsesMembers))
    return frozenset((device, member) for used in found for device, member in used)


def objections(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Why one does not stand on the same now, a sentence each."""
    for name, before in then.get("devices", {}).items():
        after = now.get("devices", {}).get(name)
        if after is None:
            yield f"The bench has no device {name!r}, which the run used."
            continue
        if before["driver"] != after["driver"]:
            yield f"{name} was driven by {before['driver']}, and is by {after['driver']} now."
        elif before["code"] != after["code"]:
            yield f"The driver {after['driver']} of {name} was edited since the run."
        if before["serial"] and after["serial"] and before["serial"] != after["serial"]:
            yield (
                f"{name} is another instrument: its serial number was {before['serial']}, "
                f"and is {after['serial']} now."
            )
        if before["simulated"] != after["simulated"]:
            was, is_ = _reality(before["simulated"]), _reality(after["simulated"])
            yield f"{name} was {was}, and is {is_} now."
        for member, limits in before["limits"].items():
            yield from _narrower(f"{name}.{member}", limits, after["limits"].get(member))


def _narrower(what: str, then: list[Any], now: list[Any] | None) -> Iterator[str]:
    if now is None:
        return
    low = now[0] is not None and (then[0] is None or now[0] > then[0])
    high = now[1] is not None and (then[1] is None or now[1] < then[1])
    if low or high:
        yield (
            f"The limits of {what} have become narrower: {_range(then)} then, {_range(now)} now."
        )


def _range(limits: list[Any]) -> str:
    low, high = ("none" if end is None else units.text(float(end), "", digits=9) for end in limits)
    return f"{low} to {high}"


def _reality(is_simulated: bool) -> str:
    return "simulated" if is_simulated else "a real instrument"


def _members(plan: Plan) -> Iterator[tuple[str, str]]:
    for node in plan.nodes:
        if isinstance(node, UsesMembers):
            yield from node.members_used()


def code_of(kind: type) -> str:
    """A hash of the text of a driver and of those that it is derived from; "" for none.

    Taken once per process: what is loaded is what counts.
    """
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name not in _codes:
        _codes[name] = _code(kind)
    return _codes[name]


_codes: dict[str, str] = {}


def _code(kind: type) -> str:
    whole = hashlib.sha256()
    for each in kind.__mro__:
        if each.__module__.partition(".")[0] in ("builtins", "typing", "abc", "funcnodes"):
            continue
        try:
            whole.update(Path(inspect.getfile(each)).read_bytes())
        except (OSError, TypeError):
            continue
    return whole.hexdigest()[:16]
