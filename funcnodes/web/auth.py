"""Who is it: one-time links, sessions, the command line's admin token, workers' credentials.

Only hashes of tokens are kept; comparing is constant in time through them. One-time tokens work
once and expire; sessions live in a cookie and survive a restart of the server (their hashes are
in a 0600 file), so that an open page goes on by itself. Nobody can call themselves what somebody
else is called; only an admin's link says that two sessions are the same person's. Twenty bad
tokens from one address within a minute shut that address out for the rest of it.
"""

import hashlib
import itertools
import secrets
import time
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from funcnodes.errors import RefusedError
from funcnodes.machine.files import read_json, write_json
from funcnodes.machine.person import user_name
from funcnodes.workers.schema import PersonView, Role

LINK_S = 15 * 60.0
SESSION_S = 30 * 24 * 3600.0
ATTEMPTS = 20
ATTEMPTS_WITHIN_S = 60.0
ADDRESSES_KEPT = 10_000
SESSIONS_KEPT = 1_000
NAME_LENGTH = 60


class SignInError(RefusedError):
    """The token is unknown, used or expired."""


class NameTaken(RefusedError):
    """Somebody else is called that."""


class TooManyAttempts(RefusedError):
    """This address has tried too many bad tokens.

    Attributes:
        retry_after_s: When it may try again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            f"Too many failed sign-ins from this address; try again in {retry_after_s:.0f} s."
        )
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in.

    Attributes:
        id: Public; says nothing about the session's secret.
        expires: Seconds since the epoch.
    """

    id: str
    name: str
    role: Role
    expires: float

    def view(self) -> PersonView:
        return PersonView(id=self.id, name=self.name, role=self.role)


@dataclass(slots=True)
class Attempts:
    """Failed sign-ins per address, the oldest addresses forgotten first."""

    clock: Callable[[], float] = time.monotonic
    _failures: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def failed(self, address: str) -> None:
        """A try of this address has failed.

        Raises:
            TooManyAttempts: So have twenty others within the last minute; this one counts no more.
        """
        recent = self._recent(address)
        if len(recent) >= ATTEMPTS:
            raise TooManyAttempts(max(1.0, recent[0] + ATTEMPTS_WITHIN_S - self.clock()))
        failures = self._failures.setdefault(address, deque(maxlen=ATTEMPTS))
        failures.append(self.clock())
        self._failures.move_to_end(address)
        while len(self._failures) > ADDRESSES_KEPT:
            self._failures.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        failures = self._failures.get(address, deque())
        while failures and self.clock() - failures[0] > ATTEMPTS_WITHIN_S:
            failures.popleft()
        return failures


class Auth:
    """Tokens and sessions of one server.

    Attributes:
        admin_token: For the command line of the same user, by way of `run/manager.json`.
        attempts: Failed sign-ins per address.
    """

    def __init__(self, sessions_file: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.admin_token = secrets.token_urlsafe(32)
        self.attempts = Attempts()
        self._clock = clock
        self._file = sessions_file
        self._links: dict[str, tuple[Role, str, float]] = {}
        self._sessions = self._load()

    def link_token(self, *, role: Role = "admin", name: str = "") -> str:
        """A fresh one-time token, good for 15 minutes.

        Args:
            name: Of the person it is for, by an admin's word. Without one an admin is this
                machine's user, and others are numbered until they give their name.
        """
        now = self._clock()
        self._links = {k: v for k, v in self._links.items() if v[2] > now}
        token = secrets.token_urlsafe(24)
        self._links[_digest(token)] = (role, _shown(name), now + LINK_S)
        return token

    def sign_in(self, token: str, *, address: str) -> tuple[str, Person]:
        """Exchange a one-time token for a session.

        Returns:
            The session's secret, for the cookie, and the person.

        Raises:
            SignInError: Unknown, used or expired token.
            TooManyAttempts: Another one of those, after too many from this address.
        """
        role, name, expires = self._links.pop(_digest(token), ("viewer", "", 0.0))
        if expires <= self._clock():
            self.attempts.failed(address)
            raise SignInError(
                "This sign-in link is unknown, expired or was used before.",
                hint="Run 'funcnodes link' in a terminal and open the link it prints.",
            )
        name = name or (operating_user() if role == "admin" else self._free_name(role))
        secret = secrets.token_urlsafe(32)
        person = Person(secrets.token_hex(6), name, role, self._clock() + SESSION_S)
        self._sessions[_digest(secret)] = person
        self._save()
        return secret, person

    def person(self, secret: str) -> Person | None:
        """Whose session cookie this is, or None."""
        person = self._sessions.get(_digest(secret))
        return person if person is not None and person.expires > self._clock() else None

    def administrator(self, token: str) -> Person | None:
        """The owner of this machine's account, by the admin token, or None."""
        if not secrets.compare_digest(_digest(token), _digest(self.admin_token)):
            return None
        return Person("cli", operating_user(), "admin", self._clock() + SESSION_S)

    def rename(self, secret: str, name: str) -> Person:
        """Set a session's display name.

        Raises:
            SignInError: No such session.
            NameTaken: Somebody else is called that.
            RefusedError: The name is empty, too long or has control characters.
        """
        name = _shown(name)
        if not name or len(name) > NAME_LENGTH or not name.isprintable():
            raise RefusedError(f"A name has 1 to {NAME_LENGTH} printable characters.")
        person = self.person(secret)
        if person is None:
            raise SignInError("You are not signed in.")
        if _alike(name) != _alike(person.name) and self._is_taken(name):
            raise NameTaken(
                f"Somebody else here is called {name!r}.",
                hint="Choose another name; if it is yours, have an admin make a link for it.",
            )
        self._sessions[_digest(secret)] = renamed = replace(person, name=name)
        self._save()
        return renamed

    def sign_out(self, secret: str) -> None:
        """End a session."""
        if self._sessions.pop(_digest(secret), None) is not None:
            self._save()

    def _is_taken(self, name: str) -> bool:
        now = self._clock()
        known = [each.name for each in self._sessions.values() if each.expires > now]
        return _alike(name) in map(_alike, (*known, operating_user()))

    def _free_name(self, role: Role) -> str:
        names = (f"{role} {number}" for number in itertools.count(1))
        return next(name for name in names if not self._is_taken(name))

    def _save(self) -> None:
        now = self._clock()
        living = [(k, p) for k, p in self._sessions.items() if p.expires > now]
        self._sessions = dict(living[-SESSIONS_KEPT:])
        write_json(self._file, {k: asdict(p) for k, p in self._sessions.items()})

    def _load(self) -> dict[str, Person]:
        saved = read_json(self._file) or {}
        found = {}
        for digest, fields in saved.items():
            person = _person(fields)
            if person is not None and person.expires > self._clock():
                found[digest] = person
        return found


def operating_user() -> str:
    """Name of the operating system's user."""
    return user_name() or "operator"


def _shown(name: str) -> str:
    return " ".join(name.split())


def _alike(name: str) -> str:
    """The same for names that people would take for one another."""
    return _shown(unicodedata.normalize("NFKC", name)).casefold()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _person(fields: Any) -> Person | None:
    try:
        person = Person(**fields)
    except TypeError:
        return None
    known = person.role in get_args(Role)
    return person if known and isinstance(person.expires, int | float) else None
