"""Drivers: a class of declarations, how its model is spoken to, and where drivers are found.

A driver is found by name, or by what the instrument answers to `*IDN?`. Packages offer theirs by
the entry-point group `funcnodes.drivers`, each entry a package or module with

    DRIVERS = {"keithley.smu2400": "funcnodes_drivers.keithley.smu2400:Smu2400"}

Nothing of a driver needs a connection: ports, docs, limits and emergency bytes come from it.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, TypeVar

from funcnodes.core import foreign
from funcnodes.devices.addresses.forms import SerialOptions
from funcnodes.devices.declarations.accuracy import Accuracy
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.members import Group, Member, Requires, Unset
from funcnodes.devices.declarations.proving import Guarded, prove
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.unasked import Unasked
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import Framing
from funcnodes.devices.messages.manners import Manners, Marker
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import BenchError

GROUP = "funcnodes.drivers"
_log = logging.getLogger(__name__)
D = TypeVar("D", bound="type[Instrument]")


@dataclass(frozen=True, slots=True)
class Idn:
    """Whom a driver is for: patterns of the maker and the model as `*IDN?` gives them."""

    maker: str
    model: str

    def fits(self, identity: Identity) -> bool:
        return not self.unlike(identity)

    def unlike(self, identity: Identity) -> str:
        """What of an identity does not fit, half a sentence; "" where all does."""
        said = [
            f"its {name} is {found!r}, not like {pattern!r}"
            for name, found, pattern in (
                ("maker", identity.maker, self.maker),
                ("model", identity.model, self.model),
            )
            if not re.fullmatch(pattern, found, re.IGNORECASE)
        ]
        return " and ".join(said)


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """What a driver says of its model besides its members.

    Attributes:
        name: "vendor.model" under which benches name it.
        title: For people, e.g. "Keithley 2400".
        match: Whose `*IDN?` it fits; None fits everybody.
        protocol: How it is spoken to.
        harmless: Commands repeated at each connection that change nothing anybody sees (D2).
        estop: Commands that make it safe at once.
        safe_state: What `estop` does, in words.
        protects: What keeps its outputs within bounds by itself, such as "current compliance",
            when no program does (S5); "" where nothing is known.
        requires: What must hold for all that is set or read, settings excepted: members by full
            name, and the value of each, or several that will do.
        local: Command that gives the front panel back, or "".
        manual: The manual that its facts are from.
    """

    name: str
    title: str
    match: Idn | None
    protocol: Protocol
    harmless: tuple[str, ...] = ()
    estop: tuple[str, ...] = ()
    safe_state: str = ""
    protects: str = ""
    requires: Requires = field(default_factory=dict)
    local: str = ""
    manual: str = ""

    def emergency_bytes(self) -> bytes:
        """`estop` as bytes that begin with the framing's mark (S3); b"" where there is nothing."""
        return b"".join(self.emergency_pieces())

    def emergency_pieces(self) -> tuple[bytes, ...]:
        """The same in pieces, each of which needs the driver's pause after it (S3a)."""
        if not self.estop:
            return ()
        frames = self.protocol.frames()
        first, *more = [frames.encode(command) for command in self.estop]
        if self.protocol.gap_s:
            return (frames.mark + first, *more)
        return (b"".join((frames.mark, first, *more)),)


class Instrument(Group):
    """Base of every driver. `spec` comes from the decorator.

    Attributes:
        accuracies: By the full name of a number that is read, as "reading.i", how good it is.
    """

    spec: ClassVar[DriverSpec]
    accuracies: ClassVar[Mapping[str, Accuracy]] = {}

    @classmethod
    def outputs(cls) -> dict[str, Control[object]]:
        """The controls that make the instrument safe, by full name, in order of declaration."""
        return {
            path: member
            for path, member in cls.walk()
            if isinstance(member, Control) and not isinstance(member.safe, Unset)
        }

    @classmethod
    def parked(cls) -> dict[str, Control[object]]:
        """The controls that are brought down before the outputs, by full name."""
        return {
            path: member
            for path, member in cls.walk()
            if isinstance(member, Control) and not isinstance(member.park, Unset)
        }


class ScpiDevice(Instrument):
    """An instrument that speaks SCPI-99: `*IDN?`, an error queue, commands by lines."""


def driver(
    name: str,
    *,
    title: str,
    match: Idn | None = None,
    eol: str = "\n",
    reply_eol: str = "\n",
    identify: str = "*IDN?",
    encoding: str = "ascii",
    errors: str | None = None,
    checks_queries: bool = False,
    timeout_s: float = 2.0,
    gap_s: float = 0.0,
    wait_s: float = 0.0,
    banner: str = "",
    serial: SerialOptions | None = None,
    framing: Framing | None = None,
    identity: Callable[[str], Identity] = replies.identity,
    to_unit: str = "",
    from_unit: str = "",
    echoes: bool = False,
    prompt: str = "",
    ignores: int = 0,
    acknowledges: str = "",
    refuses: str = "",
    status: str = "",
    greets: str = "",
    late_s: float | None = None,
    marker: Marker | None = None,
    harmless: tuple[str, ...] = (),
    estop: tuple[str, ...] | None = None,
    safe_state: str = "",
    protects: str = "",
    requires: Requires | None = None,
    local: str = "",
    manual: str = "",
) -> Callable[[D], D]:
    """Make a class of declarations a driver; see `DriverSpec`, `Protocol` and `Manners`.

    Without `estop` it is the command of every control with `safe=`, in order. Without `errors`
    the queue of SCPI is asked for, and done without where the instrument has none.

    Raises:
        TypeError: Something of it cannot be, or goes with lines and not with a framing.
    """

    def decorate(cls: D) -> D:
        manners = Manners(
            echoes, prompt, ignores, acknowledges, refuses, status, sends=_sent_lines(cls)
        )
        if framing is not None and manners != Manners():
            raise TypeError(
                f"{name}: echoes, prompts, status lines and what is said unasked go with lines; a "
                "framing reads its own."
            )
        commands = estop if estop is not None else _safe_commands(cls)
        cls.spec = DriverSpec(
            name=name,
            title=title,
            match=match,
            protocol=Protocol(
                eol=eol, reply_eol=reply_eol, identify=identify, encoding=encoding,
                errors=":SYST:ERR?" if errors is None else errors,
                may_lack_errors=errors is None,
                timeout_s=timeout_s, gap_s=gap_s, wait_s=wait_s, banner=banner,
                serial=serial or SerialOptions(), checks_queries=checks_queries,
                framing=framing,
                identity=identity if identity is replies.identity else Guarded(name, identity),
                to_unit=to_unit, from_unit=from_unit,
                manners=manners, greets=greets, late_s=late_s, marker=marker,
            ),
            harmless=harmless,
            estop=commands,
            safe_state=safe_state or _safe_words(cls),
            protects=protects,
            requires=requires or {},
            local=local,
            manual=manual,
        )  # fmt: skip
        return cls

    return decorate


def _sent_lines(cls: type[Instrument]) -> tuple[str, ...]:
    """Patterns of the lines that an instrument sends by itself."""
    lines = [member.pattern for _, member in cls.walk() if isinstance(member, Unasked)]
    return tuple(dict.fromkeys(lines))


def _safe_commands(cls: type[Instrument]) -> tuple[str, ...]:
    commands = []
    for path, member in cls.outputs().items():
        names = channel_names(cls, path)
        commands.append(member.command.format(v=member.spelled(member.safe), **names))
    return tuple(commands)


def channel_names(cls: type[Group], path: str) -> Mapping[str, str]:
    """What stands for {ch} and the like in the commands of a member."""
    head, dot, _ = path.partition(".")
    return cls.channels[head].names if dot else {}


def _safe_words(cls: type[Instrument]) -> str:
    return ", ".join(
        f"{member.title.lower()} {member.text(member.safe)}" for member in cls.outputs().values()
    )


# ── the registry ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Known:
    """Every driver's name and where it is; and why packages that should have some offer none."""

    where: Mapping[str, str]
    broken: Mapping[str, str]


@cache
def _known() -> _Known:
    """What installed packages offer; of two drivers with one name the first package wins."""
    found: dict[str, str] = {}
    broken: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            offered = _offered(entry.load())
        except BaseException as error:  # somebody else's package: anything can happen
            broken[entry.name] = foreign.words(error)
            _log.warning("The drivers of %r cannot be had: %s.", entry.name, broken[entry.name])
            continue
        found = {**offered, **found}
    return _Known(found, broken)


def _offered(module: object) -> Mapping[str, str]:
    """The `DRIVERS` of a package; TypeError where they are no names and places."""
    offered = getattr(module, "DRIVERS", {})
    if not isinstance(offered, Mapping):
        raise TypeError(f"DRIVERS is {offered!r}, where names and their places are expected")
    for each in (*offered, *offered.values()):
        if not isinstance(each, str):
            raise TypeError(f"{each!r} in DRIVERS is no text")
    return offered


def names() -> list[str]:
    """Every driver's name."""
    return sorted(_known().where)


def broken() -> dict[str, str]:
    """Packages and drivers that cannot be loaded, and why; imports every driver there is."""
    found = dict(_known().broken)
    for name in names():
        try:
            find(name)
        except BenchError as error:
            found[name] = error.message
    return found


@driver("auto", title="Any SCPI instrument")
class Anything(ScpiDevice):
    """An instrument that nobody knows yet; stands in until `*IDN?` has told who it is."""


@driver("auto", title="Any Modbus unit", identify="", errors="errors?")
class AnyUnit(Instrument):
    """A Modbus unit that nobody knows: its registers can be read by raw queries."""


def anything_at(address: str) -> type[Instrument]:
    """What stands in at an address whose driver is not known."""
    return AnyUnit if address.lower().startswith("modbus") else Anything


class NoDriver(Instrument):
    """What stands on a bench where a driver should that cannot be loaded: nothing can be asked."""


def no_driver(name: str) -> type[Instrument]:
    """What stands in for the driver of that name."""

    class Missing(NoDriver):
        spec = DriverSpec(
            name=name, title=name, match=None, protocol=Protocol(identify="", errors=""),
            safe_state="cannot be switched off, since it cannot be used as the bench has it",
        )  # fmt: skip

    return Missing


ANYTHING = Anything
_lent: dict[str, type[Instrument]] = {}


@contextmanager
def lent(cls: type[Instrument]) -> Iterator[None]:
    """Have a driver found by its name that no installed package offers, for as long."""
    name = cls.spec.name
    before = _lent.get(name)
    _lent[name] = cls
    try:
        yield
    finally:
        if before is None:
            del _lent[name]
        else:
            _lent[name] = before


def find(name: str) -> type[Instrument]:
    """The driver of that name.

    Raises:
        BenchError: There is none, or it cannot be imported.
    """
    return _lent.get(name) or _installed(name)


@cache
def _installed(name: str) -> type[Instrument]:
    known = _known()
    where = known.where.get(name)
    if where is None:
        lost = "".join(f" Of {each!r} there is none: {why}." for each, why in known.broken.items())
        raise BenchError(
            f"There is no driver {name!r}; known are {', '.join(names())}.{lost}",
            hint="Is the package that provides it installed?",
            driver=name,
        )
    module, _, attribute = where.partition(":")
    try:
        found = getattr(import_module(module), attribute)
        is_driver = isinstance(found, type) and issubclass(found, Instrument)
        if is_driver:
            prove(found)
    except BaseException as error:  # somebody else's package: anything can happen
        raise BenchError(
            f"The driver {name!r} cannot be loaded from {where}: {foreign.words(error)}.",
            hint="Whoever wrote it can mend it; all else works without.",
            driver=name,
        ) from error
    if not is_driver:
        raise BenchError(f"{where} is no driver.", driver=name)
    kind: type[Instrument] = found
    return kind


def for_identity(identity: Identity) -> type[Instrument] | None:
    """The driver that says it fits this instrument, or None."""
    for name in names():
        try:
            found = find(name)
        except BenchError:  # told of where somebody asks for it by name
            continue
        if found.spec.match is not None and found.spec.match.fits(identity):
            return found
    return None


def no_number(member: Member) -> str:
    """What means "no number" in a member's replies, as a sentence; "" where nothing special does.

    Bits of a status word and words in the replies, beside 9.9E37 and the like.
    """
    if isinstance(member, Record):
        said = [each.status.sentence() if each.status else "" for each in member.fields]
        said += [each.reader.sentence() for each in member.fields]
        return " ".join(dict.fromkeys(filter(None, said)))
    return member.reader.sentence() if isinstance(member, Value) and member.reader else ""


def describe_member(member: Member, manual: str) -> str:
    """A member's documentation: what it does, what it sends, where that is written."""
    source = member.source or manual
    parts = [
        member.doc,
        no_number(member),
        "It comes by itself." if isinstance(member, Unasked) else f"Sends `{member.sent_text()}`.",
        f"Source: {source}." if source else "",
    ]
    return " ".join(part for part in parts if part)
