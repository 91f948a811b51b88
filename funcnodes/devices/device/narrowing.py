"""What a bench makes of a driver's limits, and for how long values are believed.

Needs no connection. Who holds values against the limits is `controls`.
"""

from collections.abc import Iterator
from typing import Any

from funcnodes.core import units
from funcnodes.core.types import Range
from funcnodes.devices.benchfile.file import DeviceConfig, StatedLimit
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Member
from funcnodes.errors import BenchError, LimitError, UnitError


def narrowed(kind: type[Instrument], config: DeviceConfig) -> Iterator[tuple[str, Range]]:
    """The limits of every member: the driver's, narrowed by the bench's.

    Raises:
        BenchError: The bench widens them, or names a member that has none.
    """
    members = dict(kind.walk())
    for path, member in members.items():
        if isinstance(member, Control) and path not in config.limits and member.widest:
            yield path, member.widest
    for path, (low, high) in config.limits.items():
        limited = members.get(path)
        where = f"[devices.{config.name}.limits] {path}"
        if not isinstance(limited, Control) or limited.type not in (int, float):
            raise BenchError(f"{where}: {kind.spec.name} has no such number to limit.")
        narrowed = Range(_bound(low, limited, where), _bound(high, limited, where))
        if narrowed.low is not None and narrowed.high is not None and narrowed.low > narrowed.high:
            raise BenchError(f"{where}: the lowest value is above the highest.")
        if limited.widest and not narrowed.within(limited.widest):
            raise BenchError(
                f"{where}: {narrowed.text(limited.unit)} is wider than the driver allows, "
                f"{limited.widest.text(limited.unit)}."
            )
        yield path, narrowed


def found_outside(
    device: str, member: Control[Any], found: Any, limits: Range, output: Member
) -> LimitError:
    """Why an output does not go on: another member stands outside its limits (D10)."""
    return LimitError(
        f"{device}: {output.title.lower()} was not switched on, since {member.title.lower()} "
        f"stands at {member.text(found)}, outside {limits.text(member.unit)}.",
        hint=f"Set {member.title.lower()} first.",
        device=device, value=found, low=limits.low, high=limits.high, unit=member.unit,
    )  # fmt: skip


def validity(kind: type[Instrument]) -> Iterator[tuple[str, float]]:
    """For how long the values of each member are believed, where that is not for ever."""
    for path, member in kind.walk():
        valid_s = getattr(member, "valid_s", None)
        if valid_s is not None:
            names = [f"{path}.{each.name}" for each in getattr(member, "fields", ())] or [path]
            yield from ((name, valid_s) for name in names)


def _bound(bound: StatedLimit, member: Control[Any], where: str) -> float | None:
    if not isinstance(bound, str):
        return None if bound is None else float(bound)
    try:
        return units.parse(bound, member.unit)
    except UnitError as error:
        raise BenchError(f"{where}: {error.message}") from error
