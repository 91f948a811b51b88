"""Tokens and sessions: once, for a time, and nowhere in clear."""

from pathlib import Path

import pytest

from funcnodes.errors import RefusedError
from funcnodes.web.auth import (
    ATTEMPTS,
    ATTEMPTS_WITHIN_S,
    LINK_S,
    SESSION_S,
    SESSIONS_KEPT,
    Attempts,
    Auth,
    NameTaken,
    SignInError,
    TooManyAttempts,
    operating_user,
)
from funcnodes.web.listening import is_loopback


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auth(tmp_path: Path, clock: Clock) -> Auth:
    return Auth(tmp_path / "sessions.json", clock=clock)


def test_a_link_works_once(auth: Auth) -> None:
    token = auth.link_token(role="viewer", name="Eve")
    secret, person = auth.sign_in(token, address="x")
    assert (person.role, person.name) == ("viewer", "Eve")
    assert auth.person(secret) == person
    with pytest.raises(SignInError, match="used before"):
        auth.sign_in(token, address="x")


def test_a_link_expires_and_so_does_a_session(auth: Auth, clock: Clock) -> None:
    token = auth.link_token()
    fresh, _ = auth.sign_in(auth.link_token(), address="x")
    clock.now += LINK_S + 1
    with pytest.raises(SignInError):
        auth.sign_in(token, address="x")
    assert auth.person(fresh) is not None
    clock.now += SESSION_S
    assert auth.person(fresh) is None


def test_sessions_survive_a_restart_and_their_secrets_are_on_no_disk(
    tmp_path: Path, auth: Auth, clock: Clock
) -> None:
    secret, person = auth.sign_in(auth.link_token(name="Ada"), address="x")
    auth.rename(secret, "Ada L.")
    again = Auth(tmp_path / "sessions.json", clock=clock)
    found = again.person(secret)
    assert found is not None
    assert (found.id, found.name) == (person.id, "Ada L.")
    assert secret not in (tmp_path / "sessions.json").read_text()
    assert again.admin_token != auth.admin_token
    again.sign_out(secret)
    assert Auth(tmp_path / "sessions.json", clock=clock).person(secret) is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"x": 1}', '{"x": {"id": "i", "name": "n", "role": "god", "expires": 9e9}}']
)
def test_a_damaged_file_of_sessions_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    auth = Auth(tmp_path / "s.json")
    assert auth.person("x") is None
    assert auth.sign_in(auth.link_token(), address="x")


def test_old_sessions_give_way_to_new_ones(auth: Auth) -> None:
    auth._sessions = {str(n): auth.administrator(auth.admin_token) for n in range(5_000)}  # type: ignore[misc]
    auth.sign_in(auth.link_token(), address="x")
    assert len(auth._sessions) == SESSIONS_KEPT


def test_twenty_bad_tokens_shut_out_one_address_for_a_minute(clock: Clock) -> None:
    attempts = Attempts(clock=clock)
    for _ in range(ATTEMPTS):
        attempts.failed("bad")
    with pytest.raises(TooManyAttempts) as caught:
        attempts.failed("bad")
    assert 0 < caught.value.retry_after_s <= ATTEMPTS_WITHIN_S
    attempts.failed("good")
    clock.now += ATTEMPTS_WITHIN_S + 1
    attempts.failed("bad")


def test_addresses_are_forgotten_rather_than_kept_for_ever(clock: Clock) -> None:
    attempts = Attempts(clock=clock)
    for number in range(20_000):
        attempts.failed(str(number))
    assert len(attempts._failures) == 10_000


def test_a_good_token_passes_whatever_was_guessed_before(auth: Auth) -> None:
    for _ in range(ATTEMPTS):
        with pytest.raises(SignInError):
            auth.sign_in("guess", address="x")
    with pytest.raises(TooManyAttempts):
        auth.sign_in("guess", address="x")
    assert auth.sign_in(auth.link_token(), address="x")
    with pytest.raises(TooManyAttempts):
        auth.sign_in("guess", address="x")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u0007b", "\u202eevil"])
def test_a_name_that_cannot_be_shown_is_refused(auth: Auth, name: str) -> None:
    secret, person = auth.sign_in(auth.link_token(), address="x")
    with pytest.raises(RefusedError):
        auth.rename(secret, name)
    assert auth.person(secret) == person


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.5.5.5", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("192.168.1.5", False), ("::", False), ("lab.example", False)],
)  # fmt: skip
def test_what_only_this_machine_can_reach(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_nobody_is_called_what_somebody_else_is_called(auth: Auth, clock: Clock) -> None:
    """Present or away: a name in the record of a run is one person's."""
    ada, _ = auth.sign_in(auth.link_token(role="operator", name="Ada"), address="x")
    eve, _ = auth.sign_in(auth.link_token(role="viewer"), address="x")
    for name in ("Ada", " ada ", "ＡＤＡ", operating_user()):
        with pytest.raises(NameTaken, match="Somebody else here is called"):
            auth.rename(eve, name)
    assert auth.rename(ada, "ADA").name == "ADA", "it is her own"
    assert auth.rename(eve, "Eve").name == "Eve"
    auth.sign_out(ada)
    assert auth.rename(eve, "Ada").name == "Ada"
    clock.now += SESSION_S + 1
    bob, _ = auth.sign_in(auth.link_token(name="Bob"), address="x")
    assert auth.rename(bob, "Ada").name == "Ada", "that session has ended"


def test_who_comes_without_a_name_is_numbered_and_an_admin_says_who_is_who(auth: Auth) -> None:
    names = [auth.sign_in(auth.link_token(role="operator"), address="x")[1].name for _ in range(2)]
    assert names == ["operator 1", "operator 2"]
    assert auth.sign_in(auth.link_token(), address="x")[1].name == operating_user()
    again = [auth.sign_in(auth.link_token(name="Ada"), address="x")[1].name for _ in range(2)]
    assert again == ["Ada", "Ada"], "two browsers of one person"
