"""The one gate, outermost, for HTTP and WebSocket alike.

In this order: exact Host, exact Origin, Sec-Fetch-Site, then the credential; then, for HTTP, the
kind and size of the body. What is behind it may rely on `scope["caller"]`. Public are only GET and
HEAD of the editor's files and `POST /api/sign-in`. `X-Forwarded-*` is never looked at.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

from funcnodes.web.asgi import App, Header, Message, Receive, Scope, Send, header, headers, respond
from funcnodes.web.auth import Auth, Person, TooManyAttempts
from funcnodes.web.problems import MEDIA_TYPE, encoded, encoded_error
from funcnodes.workers.manager.budget import Budgets, OverBudget

BODY_LIMIT = 1024 * 1024
BODY_S = 8.0
REQUEST_COST = 2.0
SIGN_IN = "/api/sign-in"
SAFE_METHODS = ("GET", "HEAD")

SECURITY_HEADERS: tuple[Header, ...] = (
    (
        b"content-security-policy",
        b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"connect-src 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_log = logging.getLogger("funcnodes.web")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes this request.

    Attributes:
        person: Signed in by cookie or, on the command line, by the admin token.
        secret: The session's, where there is a session.
        worker: Uuid, on the link sockets.
        address: Of the peer, as the socket tells it.
    """

    address: str
    person: Person | None = None
    secret: str = ""
    worker: str = ""


class Enrolment(Protocol):
    """Knows workers by their credential."""

    def enrolled(self, credential: str) -> str | None:
        """The uuid of the worker whose credential this is, or None."""


@dataclass
class RequestRefused(Exception):
    """Why a request does not get in."""

    status: int
    title: str
    detail: str
    hint: str = ""
    retry_after_s: float | None = None


class Hosts:
    """The names under which this server answers, and the origins of its own pages."""

    def __init__(self, names: Iterable[str], port: int) -> None:
        shown = [f"[{name}]" if ":" in name else name for name in names]
        self.hosts = {f"{name.lower()}:{port}" for name in shown}
        if port == 80:
            self.hosts |= {name.lower() for name in shown}

    def check(self, scope: Scope) -> None:
        """Let requests pass that name this server and come from no other site's page.

        Raises:
            Refusal: Host, Origin or Sec-Fetch-Site is another's.
        """
        given = headers(scope, b"host")
        if len(given) != 1 or given[0].lower() not in self.hosts:
            raise RequestRefused(403, "WrongHost", "This server does not answer to that host name.")
        origins = headers(scope, b"origin")
        own = f"http://{given[0].lower()}"
        if origins and (len(origins) != 1 or origins[0].lower() != own):
            raise RequestRefused(
                403, "WrongOrigin", "Requests from pages of other sites are refused."
            )
        site = header(scope, b"sec-fetch-site")
        if site not in (None, "same-origin", "none") and not _opens_page(scope):
            raise RequestRefused(
                403, "CrossSite", "Requests from pages of other sites are refused."
            )


class WebGate:
    """ASGI application that lets callers through to `app`.

    Args:
        cookie: Name of the session's cookie.
        api: Behind the gate; gets `scope["caller"]`.
        files: Public: the editor's files.
        budgets: What each person may ask for; E-STOP is free.
    """

    def __init__(
        self,
        *,
        api: App,
        files: App,
        hosts: Hosts,
        auth: Auth,
        enrolment: Enrolment,
        cookie: str,
        budgets: Budgets,
    ) -> None:
        self._api = api
        self._files = files
        self._hosts = hosts
        self._auth = auth
        self._enrolment = enrolment
        self._cookie = cookie
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    # ── HTTP ──

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        try:
            self._hosts.check(scope)
            if is_api(scope["path"]):
                scope["caller"] = self._let_in(scope)
                body = await _body(scope, receive)
                await self._api(scope, _replay(body, receive), answer)
            else:
                if self._auth.person(self._session_secret(scope)) is not None:
                    _is_known(scope)
                await self._files(scope, receive, answer)
        except RequestRefused as refusal:
            await answer.refuse(scope, refusal)
        except Exception as error:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if not answer.started:
                status, data = encoded_error(error)
                await respond(answer, status, data, MEDIA_TYPE)

    def _let_in(self, scope: Scope) -> Caller:
        """Who asks, once that is known and paid for.

        Raises:
            RequestRefused: It is not known, or this person has asked for too much lately (429).
        """
        found = self._caller(scope)
        if found.person is not None or found.worker:
            _is_known(scope)
        if found.person is not None and not scope["path"].endswith("/estop"):
            try:
                self._budgets.spend(found.person.id, REQUEST_COST)
            except OverBudget as error:
                raise RequestRefused(
                    429, "OverBudget", error.message, retry_after_s=error.retry_after_s
                ) from None
        return found

    def _caller(self, scope: Scope) -> Caller:
        address = scope["client"][0] if scope.get("client") else ""
        if scope["path"] == SIGN_IN and scope["method"] == "POST":
            return Caller(address)
        caller = self._by_bearer(scope, address) or self._by_cookie(scope, address)
        if caller is None:
            raise RequestRefused(
                401,
                "NotSignedIn",
                "You are not signed in.",
                "Run 'funcnodes link' in a terminal and open the link it prints.",
            )
        return caller

    def _by_bearer(self, scope: Scope, address: str) -> Caller | None:
        """The command line, or a worker on its link.

        Raises:
            Refusal: The token is wrong; 429 where this address has tried too many wrong ones.
        """
        scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if is_link(scope["path"]):
            worker = self._enrolment.enrolled(token)
            if worker is not None and not headers(scope, b"origin"):
                return Caller(address, worker=worker)
        else:
            person = self._auth.administrator(token)
            if person is not None:
                return Caller(address, person=person)
        try:
            self._auth.attempts.failed(address)
        except TooManyAttempts as error:
            raise _too_many(error) from None
        raise RequestRefused(401, "NotSignedIn", "This token is not valid here.")

    def _by_cookie(self, scope: Scope, address: str) -> Caller | None:
        """A browser. What changes something must say that it comes from our own page."""
        secret = self._session_secret(scope)
        person = self._auth.person(secret) if secret and not is_link(scope["path"]) else None
        if person is None:
            return None
        ours = headers(scope, b"origin") or header(scope, b"sec-fetch-site") == "same-origin"
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not ours:
            raise RequestRefused(
                403, "NoOrigin", "The request does not say which page it comes from."
            )
        return Caller(address, person=person, secret=secret)

    def _session_secret(self, scope: Scope) -> str:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(header(scope, b"cookie") or "")
        except CookieError:
            return ""
        return jar[self._cookie].value if self._cookie in jar else ""

    # ── WebSocket ──

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._hosts.check(scope)
            if not is_api(scope["path"]):
                raise RequestRefused(404, "NotFound", "There is no socket at this path.")
            scope["caller"] = self._let_in(scope)
        except RequestRefused as refusal:
            await _deny(send, refusal)
            return
        await self._api(scope, receive, send)


class _Answer:
    """`send`, with the security headers added to whatever is answered."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [*message.get("headers", []), *SECURITY_HEADERS]
            if not any(key == b"cache-control" for key, _ in message["headers"]):
                message["headers"].append((b"cache-control", b"no-store"))
        await self._send(message)

    async def refuse(self, scope: Scope, refusal: RequestRefused) -> None:
        """Answer with the refusal, and end the connection where a body may still be coming."""
        head = scope["method"] == "HEAD"
        await respond(
            self, refusal.status, _problem(refusal), MEDIA_TYPE, _extra(refusal), head=head
        )


def _is_known(scope: Scope) -> None:
    """The connection is no stranger's."""
    if (guest := scope.get("state", {}).get("guest")) is not None:
        guest.leave()


def is_api(path: str) -> bool:
    """Whether a path is behind the credential."""
    return path.startswith(("/api/", "/link/")) or path in ("/api", "/link")


def is_link(path: str) -> bool:
    """Whether a path is for workers."""
    return path.startswith("/link/")


def _opens_page(scope: Scope) -> bool:
    """Somebody follows a link from elsewhere to the page itself, which holds no secret."""
    return (
        scope["type"] == "http"
        and scope["method"] in SAFE_METHODS
        and not is_api(scope["path"])
        and header(scope, b"sec-fetch-mode") == "navigate"
        and header(scope, b"sec-fetch-dest") == "document"
    )


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body: JSON, at most 1 MiB, all there within 8 s.

    Raises:
        Refusal: It is none of that.
    """
    length = header(scope, b"content-length") or "0"
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise _too_large()
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in _parts(receive):
                data += part
                if len(data) > BODY_LIMIT:
                    raise _too_large()
    except TimeoutError:
        raise RequestRefused(
            408, "TooSlow", f"The request's body took over {BODY_S:g} s."
        ) from None
    kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if data and kind != "application/json":
        raise RequestRefused(415, "NotJson", "Only JSON is understood here (application/json).")
    return bytes(data)


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestRefused(400, "Disconnected", "The request ended early.")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _replay(body: bytes, receive: Receive) -> Receive:
    """`receive` that gives the body already read, then whatever follows it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


async def _deny(send: Send, refusal: RequestRefused) -> None:
    """Refuse a socket before it is accepted."""
    body = _problem(refusal)
    fields = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *SECURITY_HEADERS,
        *_extra(refusal),
    ]
    start = {"type": "websocket.http.response.start", "status": refusal.status, "headers": fields}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})


def _extra(refusal: RequestRefused) -> list[Header]:
    fields: list[Header] = []
    if refusal.retry_after_s is not None:
        fields.append((b"retry-after", str(int(refusal.retry_after_s) + 1).encode()))
    if refusal.status in (400, 408, 413):
        fields.append((b"connection", b"close"))
    return fields


def _problem(refusal: RequestRefused) -> bytes:
    return encoded(refusal.status, refusal.title, refusal.detail, hint=refusal.hint)


def _too_large() -> RequestRefused:
    return RequestRefused(
        413, "TooLarge", f"The request's body is over the limit of {BODY_LIMIT} bytes."
    )


def _too_many(error: TooManyAttempts) -> RequestRefused:
    return RequestRefused(429, "TooManyAttempts", error.message, retry_after_s=error.retry_after_s)
