"""What will go wrong on a bench, written down: a TOML file, or part of a bench file.

    seed = 7                    # makes the plan repeat where the bench has no seed; may be left out

    [[fault]]
    device = "smu"              # every instrument of the bench if left out
    kind = "drop"               # see `faults.Fault` for kinds and what they take
    match = ":READ"
    nth = 3
    count = "always"            # until cleared; once if left out

    [[fault]]
    kind = "delay"
    seconds = 0.5
    probability = 0.1
    count = 5

    [[fault]]
    device = "tc"
    kind = "power_cycle"
    at_s = 20

Everything wrong is one sentence in a `ValueError` that names the fault and the key.
"""

import dataclasses
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes_simulators.documents import is_number, list_of, only_keys, table_of, text_at
from funcnodes_simulators.faults.fault import Fault

MOST_BYTES = 1 << 20
MOST_FAULTS = 10_000
ALWAYS = "always"
_KEYS = tuple(field.name for field in dataclasses.fields(Fault))
_TEXTS = ("kind", "match", "text")
_WHOLE = ("count", "nth", "size", "code")


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault, and the instrument that it is for; every one if empty."""

    device: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class PlannedFaults:
    """All of a file."""

    faults: tuple[PlannedFault, ...] = ()
    seed: int | None = None


def read_fault(details: object, where: str) -> Fault:
    """Check one fault as TOML or JSON gives it.

    Raises:
        ValueError: One sentence that names the key.
    """
    table = table_of(details, where)
    only_keys(table, _KEYS, where)
    text_at(table, "kind", where)
    values = {key: _value(table[key], key, where) for key in table}
    try:
        return Fault(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def read_faults(listed: object, devices: Collection[str], where: str) -> tuple[PlannedFault, ...]:
    """Check a list of faults for the instruments of a bench.

    Raises:
        ValueError: One sentence that names the fault by its number.
    """
    entries = list_of(listed, where)
    if len(entries) > MOST_FAULTS:
        raise ValueError(f"{where} has {len(entries)} entries; at most {MOST_FAULTS}")
    planned: list[PlannedFault] = []
    for number, entry in enumerate(entries, 1):
        place = f"{where} {number}"
        table = dict(table_of(entry, place))
        device = text_at(table, "device", place, "")
        if device and device not in devices:
            raise ValueError(f"{place}.device is {device!r}; there is {', '.join(devices)}")
        table.pop("device", None)
        planned.append(PlannedFault(device, read_fault(table, place)))
    return tuple(planned)


def read_fault_file(path: Path, devices: Collection[str]) -> PlannedFaults:
    """Read the plan of a bench from a file of its own.

    Raises:
        ValueError: One sentence that begins with the file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES} bytes")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        only_keys(document, ("fault", "seed"), "the file")
        faults = read_faults(document.get("fault", []), devices, "fault")
        seed = document.get("seed")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise ValueError(f"seed is {seed!r:.100}, not a whole number")
        return PlannedFaults(faults, seed)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def _value(value: object, key: str, where: str) -> Any:
    if key in _TEXTS:
        is_right, what = isinstance(value, str), "text"
    elif key == "count" and (value is None or value == ALWAYS):
        return None
    elif key in _WHOLE:
        is_right, what = is_number(value) and isinstance(value, int), "a whole number"
    else:
        is_right, what = is_number(value), "a number"
    if not is_right:
        raise ValueError(f"{where}.{key} is {value!r:.100}, not {what}")
    return value
