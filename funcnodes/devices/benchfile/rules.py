"""What a bench file says of interlocks, alarms, suspenders and whom to tell, checked for shape.

    [[interlock]]
    name = "over temperature"
    when = 'tc.a.kelvin > "320 K" for 2 s'   # see `conditions`
    then = "estop"                # estop, park, hold: latch like an E-STOP; refuse: only writes
    devices = ["smu"]             # which are stopped, or refused writes [all, as by E-STOP]
    writes = ["smu.output"]       # with refuse: these members only
    latching = true               # with refuse: until it is reset by hand [false]
    on_lost = "trip"              # or "ignore": what a source that is lost counts as
    grace_s = 3                   # how long it may be lost before [0]
    every_s = 0.2                 # how often sources are read

    [[alarm]]
    name = "cold head"            # [the source]
    source = "tc.a.kelvin"        # or a device's name alone: whether it is reached
    low = "4 K"                   # lolo, low, high, hihi
    high = "310 K"
    hihi = "320 K"
    hysteresis = "0.5 K"
    delay_s = 2                   # how long it must last before it is raised
    latch = true                  # to be acknowledged even when it is over
    severities = { high = "minor", hihi = "major" }
    states = { off = "major" }    # for what is on or off, or one of some words
    message = "Refill helium."

    [[suspender]]
    name = "pressure"             # [the source]
    source = "gauge.pressure"     # or a device's name alone: whether it is reached
    low = "1e-9 mbar"             # the band in which runs go on: low, high, or both
    high = "1e-5 mbar"
    is = "on"                     # in place of a band, for what is on or off, or one of some words
    delay_s = 0                   # how long it must be out before a run is paused
    for_s = 5                     # how long it must be back before the run goes on
    deadline_s = 600              # how long a run waits for it [for ever]
    then = "stop"                 # what comes after that: stop, abort, or go on
    point = "again"               # the point under way: taken again, or finish
    every_s = 1                   # how often the source is read

    [notify]
    at_least = "major"
    mail = { to = ["lab@example.org"], sender = "bench@example.org", server = "smtp.example.org" }
    webhook = { url = "https://example.org/alarm" }

Names, units and types of sources are checked by whoever knows the drivers.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args
from urllib.parse import urlsplit

from funcnodes.devices.benchfile.tables import Tables
from funcnodes.errors import BenchError

Then = Literal["estop", "park", "hold", "refuse"]
OnLost = Literal["trip", "ignore"]
AfterDeadline = Literal["stop", "abort", "go on"]
PointUnderWay = Literal["again", "finish"]
Tls = Literal["starttls", "tls", "none"]
LIMITS = ("hihi", "lolo", "high", "low")  # in the order in which they are looked at
MOST = 200  # interlocks, or alarms, of one bench

_INTERLOCK = {
    "name", "when", "then", "devices", "writes", "latching", "on_lost", "grace_s", "every_s",
}  # fmt: skip
_ALARM = {
    "name", "source", *LIMITS, "hysteresis", "delay_s", "latch", "enabled", "severities",
    "states", "message", "every_s",
}  # fmt: skip
_SUSPENDER = {
    "name", "source", "low", "high", "is", "delay_s", "for_s", "deadline_s", "then", "point",
    "every_s",
}  # fmt: skip
_MAIL = {"to", "sender", "server", "port", "tls", "user"}
_SECRETS = {"password": "FUNCNODES_SMTP_PASSWORD", "token": "FUNCNODES_WEBHOOK_TOKEN"}
_PORTS: Mapping[str, int] = {"starttls": 587, "tls": 465, "none": 25}


class Severity(enum.IntEnum):
    """How grave an alarm is, by EPICS's names and order."""

    NO_ALARM = 0
    MINOR = 1
    MAJOR = 2
    INVALID = 3
    """The value itself cannot be trusted."""

    @classmethod
    def named(cls, word: str) -> Self:
        """KeyError where there is none of that name."""
        return cls[word.upper()]


_WORDS = ("no_alarm", "minor", "major", "invalid")
_USUAL = {
    "hihi": Severity.MAJOR,
    "high": Severity.MINOR,
    "low": Severity.MINOR,
    "lolo": Severity.MAJOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InterlockConfig:
    """One `[[interlock]]` table; `place` names it in messages."""

    name: str
    when: str
    then: Then
    devices: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    latching: bool = False
    on_lost: OnLost = "trip"
    grace_s: float = 0.0
    every_s: float = 0.2
    place: str = "[[interlock]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmConfig:
    """One `[[alarm]]` table; limits as numbers in the source's unit, or texts with one."""

    name: str
    source: str
    limits: Mapping[str, float | str] = field(default_factory=dict)
    hysteresis: float | str = 0.0
    delay_s: float = 0.0
    latch: bool = True
    enabled: bool = True
    severities: Mapping[str, Severity] = field(default_factory=lambda: dict(_USUAL))
    states: Mapping[str, Severity] = field(default_factory=dict)
    message: str = ""
    every_s: float = 1.0
    place: str = "[[alarm]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspenderConfig:
    """One `[[suspender]]` table, or what a node says: while the source is out, runs are paused.

    Attributes:
        low, high: The band in the source's unit, or texts with one; None where there is no bound.
        equals: In place of a band, the one value at which runs go on, as text, or "".
        deadline_s: None for no end.
    """

    name: str
    source: str
    low: float | str | None = None
    high: float | str | None = None
    equals: str = ""
    delay_s: float = 0.0
    for_s: float = 5.0
    deadline_s: float | None = None
    then: AfterDeadline = "stop"
    point: PointUnderWay = "again"
    every_s: float = 1.0
    place: str = "[[suspender]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """Where mail goes. The password of `user` is in FUNCNODES_SMTP_PASSWORD, never in a file."""

    to: tuple[str, ...]
    sender: str
    server: str
    port: int = 587
    tls: Tls = "starttls"
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """Where JSON is posted. A token is in FUNCNODES_WEBHOOK_TOKEN, never in a file."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig:
    """The `[notify]` table."""

    at_least: Severity = Severity.MAJOR
    mail: MailConfig | None = None
    webhook: WebhookConfig | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it."""

    interlocks: tuple[InterlockConfig, ...] = ()
    alarms: tuple[AlarmConfig, ...] = ()
    suspenders: tuple[SuspenderConfig, ...] = ()
    notify: NotifyConfig = field(default_factory=NotifyConfig)


def read_rules(tables: Tables, data: dict[str, Any]) -> Rules:
    """The rules in a parsed bench file.

    Raises:
        BenchError: Something in them is wrong; the message names table and key.
    """
    interlocks = [_interlock(tables, *each) for each in tables.several(data, "interlock")]
    alarms = [_alarm(tables, *each) for each in tables.several(data, "alarm")]
    suspenders = [_suspender(tables, *each) for each in tables.several(data, "suspender")]
    for key, found in (("interlock", interlocks), ("alarm", alarms), ("suspender", suspenders)):
        _check_names(tables, key, [(each.place, each.name) for each in found])
    return Rules(tuple(interlocks), tuple(alarms), tuple(suspenders), _notify(tables, data))


def _check_names(tables: Tables, key: str, named: list[tuple[str, str]]) -> None:
    if len(named) > MOST:
        raise tables.wrong("", key, f"{len(named)} are too many; {MOST} are possible")
    first: dict[str, str] = {}
    for place, name in named:
        if not name.isprintable() or len(name) > 80:
            raise tables.wrong(place, "name", f"{name!r:.90} is no name of up to 80 characters")
        if name in first:
            raise tables.wrong(place, "name", f"{first[name]} has the name {name!r} already")
        first[name] = place


def _interlock(tables: Tables, place: str, data: dict[str, Any]) -> InterlockConfig:
    tables.keys(place, data, _INTERLOCK)
    then: Any = tables.choice(place, data, "then", get_args(Then), "estop")
    writes = tuple(tables.texts(place, data, "writes"))
    latching = tables.flag(place, data, "latching", then != "refuse")
    if writes and then != "refuse":
        raise tables.wrong(place, "writes", 'it belongs to then = "refuse" only')
    if then != "refuse" and not latching:
        raise tables.wrong(place, "latching", f'then = "{then}" is a stop, and every stop latches')
    on_lost: Any = tables.choice(place, data, "on_lost", get_args(OnLost), "trip")
    return InterlockConfig(
        name=tables.text(place, data, "name"),
        when=tables.text(place, data, "when"),
        then=then,
        devices=tuple(tables.texts(place, data, "devices")),
        writes=writes,
        latching=latching,
        on_lost=on_lost,
        grace_s=tables.seconds(place, data, "grace_s", 0.0),
        every_s=tables.seconds(place, data, "every_s", 0.2, least=0.01, most=60),
        place=place,
    )


def _alarm(tables: Tables, place: str, data: dict[str, Any]) -> AlarmConfig:
    tables.keys(place, data, _ALARM)
    source = tables.text(place, data, "source")
    limits = {name: _bound(tables, place, data, name) for name in LIMITS if name in data}
    return AlarmConfig(
        name=tables.text(place, data, "name", source),
        source=source,
        limits=limits,
        hysteresis=_bound(tables, place, data, "hysteresis") if "hysteresis" in data else 0.0,
        delay_s=tables.seconds(place, data, "delay_s", 0.0),
        latch=tables.flag(place, data, "latch", True),
        enabled=tables.flag(place, data, "enabled", True),
        severities={**_USUAL, **_severities(tables, place, data, "severities", LIMITS)},
        states=_severities(tables, place, data, "states"),
        message=tables.text(place, data, "message", ""),
        every_s=tables.seconds(place, data, "every_s", 1.0, least=0.01, most=3600),
        place=place,
    )


def _suspender(tables: Tables, place: str, data: dict[str, Any]) -> SuspenderConfig:
    tables.keys(place, data, _SUSPENDER)
    source = tables.text(place, data, "source")
    low, high = (_bound(tables, place, data, k) if k in data else None for k in ("low", "high"))
    equals = data.get("is", "")
    equals = "on" if equals is True else "off" if equals is False else equals
    if not isinstance(equals, str):
        raise tables.wrong(place, "is", f"a word, or on or off, is expected, not {equals!r}")
    if equals and (low is not None or high is not None):
        raise tables.wrong(place, "is", "a band by low and high does not go with it")
    then: Any = tables.choice(place, data, "then", get_args(AfterDeadline), "stop")
    point: Any = tables.choice(place, data, "point", get_args(PointUnderWay), "again")
    has_end = "deadline_s" in data
    return SuspenderConfig(
        name=tables.text(place, data, "name", source),
        source=source,
        low=low,
        high=high,
        equals=equals,
        delay_s=tables.seconds(place, data, "delay_s", 0.0),
        for_s=tables.seconds(place, data, "for_s", 5.0),
        deadline_s=tables.seconds(place, data, "deadline_s", 0.0, most=1e7) if has_end else None,
        then=then,
        point=point,
        every_s=tables.seconds(place, data, "every_s", 1.0, least=0.01, most=3600),
        place=place,
    )


def _bound(tables: Tables, place: str, data: dict[str, Any], key: str) -> float | str:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value != value:
        raise tables.wrong(place, key, f'a number, or text such as "4 K", expected, not {value!r}')
    return value


def _severities(
    tables: Tables, place: str, data: dict[str, Any], key: str, known: tuple[str, ...] = ()
) -> dict[str, Severity]:
    table = tables.table(place, data, key)
    if known:
        tables.keys(f"{place} {key}", table, known)
    return {
        name: Severity.named(tables.choice(f"{place} {key}", table, name, _WORDS, ""))
        for name in table
    }


def _notify(tables: Tables, data: dict[str, Any]) -> NotifyConfig:
    table = tables.table("", data, "notify")
    tables.keys("notify", table, {"at_least", "mail", "webhook"})
    return NotifyConfig(
        at_least=Severity.named(tables.choice("notify", table, "at_least", _WORDS[1:], "major")),
        mail=_mail(tables, tables.table("notify", table, "mail")) if "mail" in table else None,
        webhook=(
            _webhook(tables, tables.table("notify", table, "webhook"))
            if "webhook" in table
            else None
        ),
    )


def _mail(tables: Tables, data: dict[str, Any]) -> MailConfig:
    place = "notify.mail"
    _refuse_secrets(tables, place, data)
    tables.keys(place, data, _MAIL)
    to = tuple(tables.texts(place, data, "to"))
    if not to:
        raise tables.wrong(place, "to", "nobody is named")
    sender = tables.text(place, data, "sender")
    for key, address in [("sender", sender), *(("to", each) for each in to)]:
        name, at, host = address.partition("@")
        if not (name and at and host) or not address.isprintable() or set(address) & set(" ,;<>"):
            raise tables.wrong(place, key, f"{address!r} is no mail address")
    tls: Any = tables.choice(place, data, "tls", get_args(Tls), "starttls")
    port = data.get("port", _PORTS[tls])
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise tables.wrong(place, "port", f"1 to 65535 is expected, not {port!r}")
    user = tables.text(place, data, "user", "")
    if user and tls == "none":
        raise tables.wrong(place, "user", 'with tls = "none" a password would go over the network')
    return MailConfig(
        to=to, sender=sender, server=tables.text(place, data, "server"), port=port, tls=tls,
        user=user,
    )  # fmt: skip


def _webhook(tables: Tables, data: dict[str, Any]) -> WebhookConfig:
    place = "notify.webhook"
    _refuse_secrets(tables, place, data)
    tables.keys(place, data, {"url"})
    url = tables.text(place, data, "url")
    if not is_web_address(url):
        raise tables.wrong(place, "url", f"{url!r} is no http or https address")
    return WebhookConfig(url=url)


def is_web_address(url: str) -> bool:
    """Whether it is an http or https address that holds no user and password."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and parts.port != 0
            and url.isascii()
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False


def _refuse_secrets(tables: Tables, place: str, data: dict[str, Any]) -> None:
    for key, variable in _SECRETS.items():
        if key in data:
            raise tables.wrong(
                place, key, f"a secret does not belong into a bench file; set {variable} instead"
            )


def placed(place: str, key: str, error: BenchError) -> BenchError:
    """An error about what a rule names, with its place in the file in front."""
    return BenchError(f"{place} {key}: {error.message}", **{**error.context, "table": place})


__all__ = [
    "LIMITS", "AlarmConfig", "InterlockConfig", "MailConfig", "NotifyConfig", "Rules", "Severity",
    "SuspenderConfig", "Then", "WebhookConfig", "is_web_address", "placed", "read_rules",
]  # fmt: skip
