"""The few words of ASGI that the gate and the static files need."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


def header(scope: Scope, name: bytes) -> str | None:
    """A request header, or None; several of the same name are joined by commas."""
    values = headers(scope, name)
    return ", ".join(values) if values else None


def headers(scope: Scope, name: bytes) -> list[str]:
    """Every value of a request header."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def respond(
    send: Send,
    status: int,
    body: bytes,
    media_type: str,
    extra: Iterable[Header] = (),
    *,
    head: bool = False,
) -> None:
    """Answer an HTTP request whole. `head` leaves the body out and its length in."""
    fields: list[Header] = [(b"content-length", str(len(body)).encode())] if status != 304 else []
    if media_type:
        fields.append((b"content-type", media_type.encode()))
    fields.extend(extra)
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b"" if head else body})
