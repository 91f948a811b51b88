"""`bench.toml`: which devices a bench has, where they are, what they may do, how they are stopped.

    name = "demo"
    allow = ["loopback", "private"]     # hosts that may be opened
    on_estop = "estop"                  # per cause: estop, park or hold (S1)
    at_end = "park"
    on_worker_death = "estop"
    on_operator_lost = "hold"
    on_changed = "stop"                 # a run whose instrument lost its settings: stop or pause
    operator_lost_s = 60                # after how many seconds without whoever holds the controls
    stop_order = ["hv", "smu"]          # first to last; the rest follow
    before_run = ["sample", "project"]  # what has to be said before a run: these, operator, notes
    listed_samples = true               # and the sample is to be on the worker's list

    [devices.smu]
    driver = "keithley.smu2400"         # or "auto": by what answers to *IDN?
    address = "sim:smu"
    simulated = true                    # said by itself for sim: and serial numbers SIM…
    serial = "1234567"                  # only this unit may answer
    baud = 57600                        # how the line is set and spoken on, as behind an address:
    eol = "crlf"                        # see `addresses.options`
    at_end = "hold"                     # this device's own choice
    calibration_due = 2027-03-01        # until when it is calibrated, for reports

    [devices.smu.limits]                # narrow the driver's, never widen them
    voltage = [-20, 20]                 # in the parameter's unit
    compliance = ["1 uA", "20 mA"]

`[[interlock]]`, `[[alarm]]`, `[[suspender]]` and `[notify]` are told of in `rules`, `[approval]` in
`approval`, `[history]` in `history`.

An error names file, table and key. Saving keeps comments and order.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

from funcnodes.devices.addresses import options
from funcnodes.devices.addresses.forms import Address, AllowList, Options, parse, with_beneath
from funcnodes.devices.benchfile.approval import ApprovalRule, read_approval
from funcnodes.devices.benchfile.history import HistoryConfig, read_history
from funcnodes.devices.benchfile.rules import Rules, read_rules
from funcnodes.devices.benchfile.tables import Tables
from funcnodes.durable import replace_file
from funcnodes.errors import AddressError, BenchError

Cause = Literal["on_estop", "at_end", "on_worker_death", "on_operator_lost"]
SafeAction = Literal["estop", "park", "hold"]
OnChanged = Literal["stop", "pause"]
"""What a run does when a device was found otherwise than it was left (D8)."""
StatedLimit = float | str | None

DEFAULT_ACTIONS: Mapping[Cause, SafeAction] = {
    "on_estop": "estop",
    "at_end": "park",
    "on_worker_death": "estop",
    "on_operator_lost": "hold",
}
_TOP = {
    "name", "title", "allow", "stop_order", "devices", "interlock", "alarm", "suspender", "notify",
    "operator_lost_s", "on_changed", "approval", "history", "before_run", "listed_samples",
    *DEFAULT_ACTIONS,
}  # fmt: skip
_DEVICE = {
    "driver",
    "address",
    "simulated",
    "serial",
    "timeout_s",
    "limits",
    "on_changed",
    "calibration_due",
    *DEFAULT_ACTIONS,
    *options.NAMES,
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}$")
MAX_BYTES = 1_000_000
OPERATOR_LOST_S = 60.0
BEFORE_RUN = ("sample", "project", "operator", "notes")
"""What a bench may ask for before a run."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One `[devices.NAME]` table.

    Attributes:
        limits: Per member (low, high), numbers in the member's unit or texts with one.
        actions: This device's own choice per cause.
        timeout_s: Time for a reply, in place of the driver's.
        on_changed: What a run does when it lost its settings, None for what the bench says.
        calibration_due: The last day of its calibration, None where that is not said.
        wrong: What is wrong with the table, so that the device cannot be used, or "".
        options: How its line is set and spoken on, where the address does not say it.
    """

    name: str
    driver: str
    address: str
    simulated: bool | None = None
    serial: str = ""
    timeout_s: float | None = None
    limits: Mapping[str, tuple[StatedLimit, StatedLimit]] = field(default_factory=dict)
    actions: Mapping[Cause, SafeAction] = field(default_factory=dict)
    on_changed: OnChanged | None = None
    calibration_due: date | None = None
    options: Options = field(default_factory=Options)
    wrong: str = ""

    def place(self, resources: Mapping[str, str] | None = None) -> Address:
        """Its address, with what the bench file says beside it.

        Args:
            resources: What `sim:NAME` stands for.

        Raises:
            AddressError: It is none, or an option means nothing there.
        """
        return with_beneath(parse(self.address, resources), self.options)


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """A whole bench file.

    Attributes:
        approval: What it asks before a run, None for nothing.
    """

    name: str
    title: str = ""
    allow: AllowList = field(default_factory=AllowList)
    actions: Mapping[Cause, SafeAction] = field(default_factory=lambda: dict(DEFAULT_ACTIONS))
    stop_order: tuple[str, ...] = ()
    devices: Mapping[str, DeviceConfig] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    operator_lost_s: float = OPERATOR_LOST_S
    on_changed: OnChanged = "stop"
    approval: ApprovalRule | None = None
    history: HistoryConfig = field(default_factory=HistoryConfig)
    before_run: tuple[str, ...] = ()
    listed_samples: bool = False


class BenchFile:
    """A bench file as a document that can be changed and saved again."""

    def __init__(self, document: Any, path: Path | None) -> None:
        self._document = document
        self.path = path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            BenchError: It is missing, too large, or no TOML; the message names line and column.
        """
        import tomlkit
        from tomlkit.exceptions import ParseError, TOMLKitError

        try:
            if path.stat().st_size > MAX_BYTES:
                raise BenchError(f"{path}: more than {MAX_BYTES} bytes is too much for a bench.")
            return cls(tomlkit.parse(path.read_text("utf-8")), path)
        except FileNotFoundError as error:
            raise BenchError(f"There is no bench file {path}.", path=str(path)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise BenchError(f"{path} cannot be read: {error}.", path=str(path)) from error
        except ParseError as error:
            raise BenchError(
                f"{path}, line {error.line}, column {error.col}: {_reason(error)}.",
                path=str(path), line=error.line, column=error.col,
            ) from error  # fmt: skip
        except TOMLKitError as error:  # such as a key that stands twice
            raise BenchError(f"{path}: {_reason(error)}.", path=str(path)) from error

    @classmethod
    def new(cls, name: str) -> Self:
        """A bench without devices."""
        import tomlkit

        document = tomlkit.document()
        document["name"] = name
        return cls(document, None)

    @property
    def config(self) -> BenchConfig:
        """What it says, checked.

        Raises:
            BenchError: Something in it is wrong; the message names table and key.
        """
        return self._read(_Reader)

    @property
    def usable(self) -> BenchConfig:
        """The same, where a device with something wrong in its table costs that device only.

        Raises:
            BenchError: Something is wrong that is no single device's.
        """
        return self._read(_LenientReader)

    def _read(self, reader: "type[_Reader]") -> BenchConfig:
        where = str(self.path) if self.path else "bench"
        return reader(where).bench(self._document.unwrap(), self.path)

    def put_device(self, device: DeviceConfig) -> None:
        """Add a device, or change the keys of one that is there; comments stay."""
        import tomlkit

        devices = self._document.setdefault("devices", tomlkit.table(is_super_table=True))
        table = devices.setdefault(device.name, tomlkit.table())
        for key, value in _as_toml(device).items():
            table[key] = value

    def remove_device(self, name: str) -> None:
        """Take a device out.

        Raises:
            BenchError: There is none of that name.
        """
        devices = self._document.get("devices", {})
        if name not in devices:
            raise BenchError(f"The bench has no device {name!r}.", device=name)
        del devices[name]

    def save(self, path: Path | None = None) -> None:
        """Write it back, old or new and never a mix."""
        import tomlkit

        target = path or self.path
        if target is None:
            raise BenchError("This bench has no file yet; say where to save it.")
        replace_file(target, tomlkit.dumps(self._document).encode())
        self.path = target


def _as_toml(device: DeviceConfig) -> dict[str, Any]:
    values: dict[str, Any] = {"driver": device.driver, "address": device.address}
    if device.simulated is not None:
        values["simulated"] = device.simulated
    if device.serial:
        values["serial"] = device.serial
    if device.on_changed is not None:
        values["on_changed"] = device.on_changed
    if device.timeout_s is not None:
        values["timeout_s"] = device.timeout_s
    if device.calibration_due is not None:
        values["calibration_due"] = device.calibration_due
    values.update(device.options.said())
    values.update({str(cause): action for cause, action in device.actions.items()})
    if device.limits:
        values["limits"] = {name: list(limits) for name, limits in device.limits.items()}
    return values


def _reason(error: Exception) -> str:
    """What tomlkit says, without the place, which is named in front."""
    return str(error).partition(" at line")[0].rstrip(".")


class _Reader(Tables):
    """Checks a parsed bench file."""

    def bench(self, data: dict[str, Any], path: Path | None) -> BenchConfig:
        self.keys("", data, _TOP)
        fallback = path.stem if path else "bench"
        devices = self.table("", data, "devices")
        found = {name: self.device(name, devices[name]) for name in devices}
        order = tuple(self.texts("", data, "stop_order"))
        for name in order:
            if name not in found:
                raise self.wrong("", "stop_order", f"there is no device {name!r}")
        return BenchConfig(
            name=self.text("", data, "name", fallback),
            title=self.text("", data, "title", ""),
            allow=self._allow(data),
            actions={**DEFAULT_ACTIONS, **self._actions("", data)},
            stop_order=order,
            devices=found,
            rules=read_rules(self, data),
            operator_lost_s=self.seconds("", data, "operator_lost_s", OPERATOR_LOST_S, least=0.1),
            on_changed=self._on_changed("", data) or "stop",
            approval=read_approval(self, data),
            history=read_history(self, data, found),
            before_run=self._before_run(data),
            listed_samples=self.flag("", data, "listed_samples", False),
        )

    def device(self, name: str, data: Any) -> DeviceConfig:
        """One device's table."""
        if not isinstance(data, dict):
            raise self.wrong("devices", name, "a table is expected")
        if not _NAME.match(name):
            raise self.wrong("devices", name, "a device's name is letters, digits and _")
        return self.entry(name, data)

    def entry(self, name: str, data: dict[str, Any]) -> DeviceConfig:
        """What stands in one device's table."""
        table = f"devices.{name}"
        self.keys(table, data, _DEVICE)
        simulated = data.get("simulated")
        if simulated is not None and not isinstance(simulated, bool):
            raise self.wrong(table, "simulated", f"true or false is expected, not {simulated!r}")
        address = self.text(table, data, "address")
        return DeviceConfig(
            name=name,
            driver=self.text(table, data, "driver"),
            address=address,
            options=self._options(table, data, address),
            simulated=simulated,
            serial=self.text(table, data, "serial", ""),
            timeout_s=self._seconds(table, data),
            limits=self._limits(table, data),
            actions=self._actions(table, data),
            on_changed=self._on_changed(table, data),
            calibration_due=self._day(table, data, "calibration_due"),
        )

    def _before_run(self, data: dict[str, Any]) -> tuple[str, ...]:
        wanted = self.texts("", data, "before_run")
        for word in wanted:
            if word not in BEFORE_RUN:
                known = ", ".join(BEFORE_RUN)
                raise self.wrong("", "before_run", f"only {known} are known, not {word!r}")
        return tuple(wanted)

    def _options(self, table: str, data: dict[str, Any], address: str) -> Options:
        found = Options()
        for name in options.NAMES:
            if name in data:
                try:
                    found = options.with_option(found, name, data[name])
                except options.OptionError as error:
                    why = f"{error.allowed} is expected, not {data[name]!r}"
                    raise self.wrong(table, name, why) from None
        with suppress(AddressError):  # one that is none is told of when it is opened
            place = parse(address)
            for name, _ in found.said():
                if name not in place.takes() and not place.simulated:
                    raise self.wrong(table, name, f"it means nothing at {address}")
        return found

    def _on_changed(self, table: str, data: dict[str, Any]) -> OnChanged | None:
        if "on_changed" not in data:
            return None
        known: dict[str, OnChanged] = {"stop": "stop", "pause": "pause"}
        return known[self.choice(table, data, "on_changed", known, "stop")]

    def _limits(
        self, table: str, data: dict[str, Any]
    ) -> dict[str, tuple[StatedLimit, StatedLimit]]:
        limits = self.table(table, data, "limits")
        for key, value in limits.items():
            is_pair = isinstance(value, list) and len(value) == 2
            if not is_pair or not all(_is_bound(bound) for bound in value):
                raise self.wrong(
                    f"{table}.limits", key, f"[lowest, highest] is expected, not {value!r}"
                )
        return {key: (value[0], value[1]) for key, value in limits.items()}

    def _actions(self, table: str, data: dict[str, Any]) -> dict[Cause, SafeAction]:
        found: dict[Cause, SafeAction] = {}
        for cause in DEFAULT_ACTIONS:
            if cause in data:
                action = data[cause]
                if action not in get_args(SafeAction):
                    raise self.wrong(
                        table, cause, f"estop, park or hold is expected, not {action!r}"
                    )
                found[cause] = action
        return found

    def _allow(self, data: dict[str, Any]) -> AllowList:
        if "allow" not in data:
            return AllowList()
        entries = tuple(self.texts("", data, "allow"))
        for entry in entries:
            problem = AllowList.problem(entry)
            if problem:
                raise self.wrong("", "allow", problem)
        return AllowList(entries)

    def _day(self, table: str, data: dict[str, Any], key: str) -> date | None:
        value = data.get(key)
        if value is None:
            return None
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.wrong(table, key, f"a day like 2027-03-01 is expected, not {value!r}")
        return value

    def _seconds(self, table: str, data: dict[str, Any]) -> float | None:
        value = data.get("timeout_s")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
            raise self.wrong(table, "timeout_s", f"seconds up to 3600 expected, not {value!r}")
        return float(value)


class _LenientReader(_Reader):
    """Keeps a device whose table is wrong, with the reason in place of what it says."""

    def entry(self, name: str, data: dict[str, Any]) -> DeviceConfig:
        try:
            return super().entry(name, data)
        except BenchError as error:
            driver, address = str(data.get("driver", "")), str(data.get("address", ""))
            return DeviceConfig(name, driver, address, wrong=error.message)


def _is_bound(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float | str)
