"""A driver's class put to the proof when it is loaded, so that what is wrong with it shows then.

Ports, docs, plans and emergency bytes are asked of a driver's class wherever a bench is shown or
opened. All of that is asked here once, without an instrument: what a template or a word of it
raises keeps its own device offline, and nothing else (see `drivers.find`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol as TypeProtocol

from funcnodes.core import foreign
from funcnodes.devices.declarations.members import Channel, Member, Unset
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import DeviceError, ReplyError

_TEMPLATES = ("query", "then", "command", "abort")
_TEXTS = ("name", "title", "safe_state", "protects", "local", "manual")
_SECONDS = ("timeout_s", "connect_s", "gap_s")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A driver's own way to read who answers, of which nothing but a device's errors comes."""

    driver: str
    read: Callable[[str], Identity]

    def __call__(self, text: str) -> Identity:
        """Raises ReplyError where it says that this is no identification, else DeviceError."""
        try:
            found: object = self.read(text)
        except ReplyError:
            raise
        except BaseException as error:  # somebody else's function: anything can happen
            raise self._failed(text, foreign.words(error)) from error
        if not isinstance(found, Identity):
            raise self._failed(text, f"it gave {found!r}, which is no Identity")
        return found

    def _failed(self, text: str, why: str) -> DeviceError:
        return DeviceError(
            f"The driver {self.driver!r} cannot tell who answers from {replies.shown(text)}: "
            f"{why}.",
            hint="Its function for identity= is to be mended by whoever wrote it.",
        )


class Fits(TypeProtocol):
    """Whom a driver is for."""

    def fits(self, identity: Identity) -> bool: ...


class Spec(TypeProtocol):
    """What a driver says of its model; `drivers.DriverSpec`."""

    @property
    def match(self) -> Fits | None: ...
    @property
    def protocol(self) -> Protocol: ...
    @property
    def harmless(self) -> tuple[str, ...]: ...
    @property
    def estop(self) -> tuple[str, ...]: ...
    @property
    def local(self) -> str: ...
    def emergency_pieces(self) -> tuple[bytes, ...]: ...


class Kind(TypeProtocol):
    """A driver's class; `type[drivers.Instrument]`."""

    @property
    def __name__(self) -> str: ...
    @property
    def spec(self) -> Spec: ...
    @property
    def channels(self) -> Mapping[str, Channel[Any]]: ...
    def walk(self) -> Iterator[tuple[str, Member]]: ...


def prove(kind: Kind) -> None:
    """Ask a driver's class for all that it gives without an instrument.

    Raises:
        TypeError: Something of it is of another type than it must be.
        ValueError: Something of it cannot be sent, or is no template.
        Exception: Whatever else the driver's own words raise.
    """
    spec: Spec | None = getattr(kind, "spec", None)
    if spec is None:
        raise TypeError(f"{kind.__name__} has no @driver(…) above it")
    _prove_types(spec)
    if spec.match is not None:
        spec.match.fits(Identity())
    protocol = spec.protocol
    for command in (protocol.identify, protocol.errors, *spec.harmless, *spec.estop, spec.local):
        _prove_command(protocol, command)
    for template in (protocol.to_unit, protocol.from_unit):
        template.format(unit="1").encode("ascii")
    spec.emergency_pieces()
    for path, member in kind.walk():
        try:
            _prove_member(kind, path, member)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"its member {path!r}: {foreign.words(error)}") from error


def _prove_types(spec: Spec) -> None:
    for name in _TEXTS:
        if not isinstance(getattr(spec, name), str):
            raise TypeError(f"{name}={getattr(spec, name)!r} is no text")
    for name in _SECONDS:
        seconds = getattr(spec.protocol, name)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise TypeError(f"{name}={seconds!r} is no time in seconds")
    for name in ("harmless", "estop"):
        commands = getattr(spec, name)
        if not isinstance(commands, tuple | list) or not all(isinstance(c, str) for c in commands):
            raise TypeError(f"{name}={commands!r} is to be a tuple of commands")


def _prove_command(protocol: Protocol, command: str) -> None:
    if not command:
        return
    try:
        protocol.frames().encode(command)
    except ValueError as error:
        raise ValueError(f"the command {command!r} {error}") from error


def _prove_member(kind: Kind, path: str, member: Member) -> None:
    for command in _commands(kind, path, member):
        _prove_command(kind.spec.protocol, command)
    member.sent_text()
    _ = member.kind


def _commands(kind: Kind, path: str, member: Member) -> Iterator[str]:
    """The commands of a member, with its channel and one of its values put in."""
    head, dot, _ = path.partition(".")
    names = kind.channels[head].names if dot else {}
    for attribute in _TEMPLATES:
        template = getattr(member, attribute, "")
        if not isinstance(template, str):
            raise TypeError(f"{attribute}={template!r} is no text")
        values = {"v": _value(member)} if attribute == "command" else {}
        yield template.format(**names, **values)


def _value(member: Member) -> Any:
    """A value as it stands in a member's command, the safe one where there is one."""
    if not isinstance(member, Value):
        return ""
    given = [getattr(member, name, Unset()) for name in ("safe", "park")]
    known = [each for each in given if not isinstance(each, Unset)]
    known += list(member.choices or ()) or [member.type()]
    spelled: Callable[[Any], Any] = getattr(member, "spelled", lambda value: value)
    return spelled(known[0])
