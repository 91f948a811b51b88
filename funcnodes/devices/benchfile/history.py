"""What a bench file says of the history of its parameters.

    [history]
    on = true                 # keep what is read and set outside runs, too [true]
    keep = "90 d"             # oldest first, what is older goes
    max_mb = 256              # and what is more than that
    every_s = 600             # what does not change is noted that often at least, while it is read
    least_s = 0.1             # and what changes faster, no more often than that

    [history.deadband]        # change below which nothing is noted, in place of the driver's
    "tc.a.kelvin" = "10 mK"   # in the parameter's unit, or with one

Which parameters a device has is known to its driver only: of others the worker's log tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from funcnodes.devices.benchfile.tables import Tables

DAY_S = 86_400.0
_KEYS = {"on", "keep", "max_mb", "every_s", "least_s", "deadband"}
_TABLE = "history"


@dataclass(frozen=True, slots=True)
class HistoryConfig:
    """The `[history]` table.

    Attributes:
        keep_s: For how long values are kept, seconds.
        max_bytes: What they may take on disk at most, about.
        every_s: An unchanged value that is read is noted again after so many seconds.
        least_s: Two values of a parameter are noted at least so many seconds apart.
        deadbands: By "device.parameter", numbers in the parameter's unit or texts with one.
    """

    on: bool = True
    keep_s: float = 90 * DAY_S
    max_bytes: int = 256_000_000
    every_s: float = 600.0
    least_s: float = 0.1
    deadbands: Mapping[str, float | str] = field(default_factory=dict)


def read_history(tables: Tables, data: dict[str, Any], devices: Mapping[str, Any]) -> HistoryConfig:
    """The table `[history]` of a parsed bench file, checked for shape.

    Raises:
        BenchError: Something in it is wrong; names file, table and key.
    """
    table = tables.table("", data, _TABLE)
    tables.keys(_TABLE, table, _KEYS)
    usual = HistoryConfig()
    return HistoryConfig(
        on=tables.flag(_TABLE, table, "on", usual.on),
        keep_s=tables.seconds(_TABLE, table, "keep", usual.keep_s, least=60, most=36_500 * DAY_S),
        max_bytes=_megabytes(tables, table, usual.max_bytes),
        every_s=tables.seconds(_TABLE, table, "every_s", usual.every_s, least=1),
        least_s=tables.seconds(_TABLE, table, "least_s", usual.least_s, most=3600),
        deadbands=_deadbands(tables, table, devices),
    )


def _megabytes(tables: Tables, table: dict[str, Any], usual: int) -> int:
    value = table.get("max_mb", usual / 1e6)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value <= 1_000_000:
        raise tables.wrong(
            _TABLE, "max_mb", f"megabytes from 1 to 1000000 are expected, not {value!r}"
        )
    return int(value * 1e6)


def _deadbands(
    tables: Tables, table: dict[str, Any], devices: Mapping[str, Any]
) -> dict[str, float | str]:
    name = f"{_TABLE}.deadband"
    found = tables.table(_TABLE, table, "deadband")
    for key, value in found.items():
        if key.partition(".")[0] not in devices:
            raise tables.wrong(name, key, f"there is no device {key.partition('.')[0]!r}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (isinstance(value, str) or (is_number and value >= 0)):
            raise tables.wrong(
                name, key, f"a number from 0 on, or text with a unit, is expected, not {value!r}"
            )
    return dict(found)
