"""Who is kept out: the gate in front of every route and socket, on a real server."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from websockets.asyncio.client import connect

from funcnodes.machine.presence import Presence
from funcnodes.settings import Settings
from funcnodes.web import server as server_module
from funcnodes.web.auth import ATTEMPTS
from funcnodes.web.gate import BODY_LIMIT
from funcnodes.web.routes import Interface
from funcnodes.workers.manager.manager import Manager
from funcnodes.workers.workspace import Workspace

from ..waiting import patience
from .conftest import Site

EVIL = "http://evil.example"


def every_route(settings: Settings) -> list[tuple[str, str]]:
    """(method or "WS", path) of everything the application answers to."""
    from funcnodes.web.auth import Auth

    auth = Auth(settings.run_dir / "sessions.json")
    app = Interface(manager=Manager(settings), auth=auth, url="http://x", cookie="c").app()
    found = []
    for route in app.routes:
        path = route.path.replace("{worker:str}", "w").replace("{run:str}", "latest")
        methods = getattr(route, "methods", None) or {"WS"}
        found += [(method, path) for method in methods if method not in ("OPTIONS", "HEAD")]
    return found


@contextlib.asynccontextmanager
async def dialled(site: Any, path: str, **headers: str) -> AsyncIterator[Any]:
    async with connect(
        f"{site.socket_url}{path}",
        additional_headers={k.replace("_", "-"): v for k, v in headers.items()},
        proxy=None,
    ) as socket:
        yield socket


@contextlib.contextmanager
def refused(status: int) -> Iterator[None]:
    """The socket must not open, and be answered with this status."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        yield
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["status"] == status


def is_problem(answer: httpx.Response, status: int) -> bool:
    """RFC 9457, one sentence, and never cached."""
    body = answer.json()
    assert answer.status_code == body["status"] == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["title"]
    assert body["detail"].endswith(".")
    assert answer.headers["cache-control"] == "no-store"
    return True


async def test_every_route_needs_a_credential(site: Any, settings: Settings) -> None:
    """Who is kept out 1 and 2: every route is walked, sockets too, without a token."""
    routes = every_route(settings)
    assert ("WS", "/api/live") in routes
    assert ("WS", "/link/guard") in routes
    assert len(routes) >= 15
    async with site.client() as client:
        for method, path in routes:
            if method == "WS":
                with refused(401):
                    async with dialled(site, path, origin=site.server.url):
                        pass
            elif path != "/api/sign-in":
                answer = await client.request(method, path, json={} if method == "POST" else None)
                assert is_problem(answer, 401), path


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/link", "/link/x", "/api//live"]
)
async def test_unknown_paths_behind_the_credential_tell_nothing_without_it(
    site: Any, path: str
) -> None:
    async with site.client() as client:
        assert is_problem(await client.get(path), 401)


async def test_an_evil_origin_is_refused_on_every_route_even_with_a_session(
    site: Any, settings: Settings
) -> None:
    """Who is kept out 2: Origin comes before the credential, on sockets as well."""
    secret = await site.signed_in()
    cookie = f"{site.cookie}={secret}"
    async with site.client(origin=EVIL, cookie=cookie) as client:
        for method, path in every_route(settings):
            if method == "WS":
                with refused(403):
                    async with dialled(site, path, origin=EVIL, cookie=cookie):
                        pass
            else:
                answer = await client.request(method, path, json={} if method == "POST" else None)
                assert is_problem(answer, 403), path
        assert is_problem(await client.get("/"), 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
async def test_another_host_name_is_refused(site: Any, host: str) -> None:
    """Against DNS rebinding: only exact names and the exact port."""
    named = host.format(port=site.port)
    secret = await site.signed_in()
    async with site.client(host=named, cookie=f"{site.cookie}={secret}") as client:
        assert is_problem(await client.get("/api/session"), 403)
        assert is_problem(await client.get("/"), 403)


async def test_two_host_headers_are_refused(site: Any) -> None:
    request = (
        f"GET /api/session HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        "Host: evil.example\r\nConnection: close\r\n\r\n"
    )
    answer = await raw(site, request.encode())
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))


async def test_a_page_of_another_site_cannot_ask_even_where_it_sends_no_origin(site: Any) -> None:
    secret = await site.signed_in()
    cookie = f"{site.cookie}={secret}"
    for value in ("cross-site", "same-site"):
        headers = {"cookie": cookie, "sec-fetch-site": value}
        async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
            assert is_problem(await client.get("/api/session", headers=headers), 403)


async def test_a_link_from_elsewhere_opens_the_page_but_nothing_else(site: Any) -> None:
    """The redirect file and links in mails are cross-site navigations."""
    headers = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
        assert (await client.get("/", headers=headers)).status_code == 200
        assert is_problem(await client.get("/api/session", headers=headers), 403)


async def test_a_cookie_alone_cannot_change_anything(site: Any) -> None:
    """CSRF: the request must say that it comes from our own page."""
    cookie = f"{site.cookie}={await site.signed_in()}"
    async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
        client.headers["cookie"] = cookie
        answer = await client.post("/api/workers", json={"name": "x"})
        assert is_problem(answer, 403)
        assert (await client.get("/api/workers")).json() == []
    with refused(403):
        async with dialled(site, "/api/live", cookie=cookie):
            pass


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_understood(site: Any, kind: str) -> None:
    async with site.person() as client:
        headers = {"content-type": kind}
        answer = await client.post("/api/workers", content=b'{"name": "x"}', headers=headers)
        assert is_problem(answer, 415)
        assert (await client.get("/api/workers")).json() == []


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(site: Any) -> None:
    async with site.person() as client:
        big = b'"' + b"x" * BODY_LIMIT + b'"'
        headers = {"content-type": "application/json"}
        assert is_problem(await client.post("/api/link", content=big, headers=headers), 413)

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * (BODY_LIMIT // 16)

        with contextlib.suppress(httpx.WriteError, httpx.ReadError):
            answer = await client.post("/api/link", content=pieces(), headers=headers)
            assert is_problem(answer, 413)
        assert (await client.get("/api/session")).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"name": 5}', b'{"name": "x", "more": 1}', b"[" * 100_000, b"\xff\xfe"]
)
async def test_a_body_that_does_not_fit_is_a_problem_not_a_crash(site: Any, body: bytes) -> None:
    async with site.person() as client:
        headers = {"content-type": "application/json"}
        assert is_problem(await client.post("/api/workers", content=body, headers=headers), 400)


async def test_reading_changes_nothing(site: Any, settings: Settings) -> None:
    """No side effects on GET: what changes something does not answer to it."""
    async with site.person() as client:
        for method, path in every_route(settings):
            if method == "POST":
                assert (await client.get(path)).status_code in (200, 405)
        assert (await client.get("/api/workers")).json() == []
        assert is_problem(await client.delete("/api/workers"), 405)
        assert is_problem(await client.get("/api/nothing"), 404)


async def test_every_answer_carries_the_security_headers(site: Any) -> None:
    async with site.person() as client:
        for path in ("/", "/api/session", "/api/nothing", "/nothing.js"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


async def test_forwarded_headers_are_not_believed(site: Any) -> None:
    """Twenty bad tokens shut out the socket's address, whatever the client calls itself."""
    async with site.client() as client:
        for number in range(ATTEMPTS):
            headers = {"x-forwarded-for": f"10.0.0.{number}", "x-real-ip": f"10.0.0.{number}"}
            answer = await client.post("/api/sign-in", json={"token": "guess"}, headers=headers)
            assert is_problem(answer, 401)
        answer = await client.post("/api/sign-in", json={"token": "guess"})
        assert is_problem(answer, 429)
        assert int(answer.headers["retry-after"]) >= 1
        token = site.server.auth.link_token()
        assert (await client.post("/api/sign-in", json={"token": token})).status_code == 200


async def test_guessing_bearer_tokens_is_shut_out_too(site: Any) -> None:
    async with site.client(authorization="Bearer guess") as client:
        for _ in range(ATTEMPTS):
            assert is_problem(await client.get("/api/session"), 401)
        assert is_problem(await client.get("/api/session"), 429)
    admin = f"Bearer {site.server.auth.admin_token}"
    async with site.client(authorization=admin) as client:
        for _ in range(ATTEMPTS + 1):
            assert (await client.get("/api/session")).status_code == 200
    async with site.client(authorization="Bearer guess") as client:
        assert is_problem(await client.get("/api/session"), 429)


async def test_a_link_signs_in_once_and_its_cookie_is_for_this_server_alone(site: Any) -> None:
    async with site.client() as client:
        token = site.server.auth.link_token(role="operator", name="Ada")
        answer = await client.post("/api/sign-in", json={"token": token})
        assert answer.json()["you"]["name"] == "Ada"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{site.cookie}=")
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert (await client.get("/api/session")).json()["you"]["role"] == "operator"
        assert is_problem(await client.post("/api/sign-in", json={"token": token}), 401)
        assert (await client.post("/api/sign-out")).status_code == 200
        client.cookies.clear()
        secret = answer.cookies[site.cookie]
        headers = {"cookie": f"{site.cookie}={secret}"}
        assert is_problem(await client.get("/api/session", headers=headers), 401)


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_only_admins_manage_workers_and_hand_out_links(site: Any, role: Any) -> None:
    async with site.person(role) as client:
        for path in ("/api/link", "/api/workers", "/api/workers/w/start", "/api/workers/w/stop"):
            answer = await client.post(path, json={"name": "x"} if path.endswith("s") else {})
            assert is_problem(answer, 403)


async def test_the_admin_token_works_without_origin_and_a_worker_s_credential_not_at_all(
    site: Any, workspace: Workspace
) -> None:
    async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
        client.headers["authorization"] = f"Bearer {site.server.auth.admin_token}"
        assert (await client.get("/api/session")).json()["you"]["role"] == "admin"
        link = (await client.post("/api/link", json={})).json()["link"]
        assert link.startswith(f"{site.server.url}/#token=")
        client.headers["authorization"] = f"Bearer {workspace.credential()}"
        assert is_problem(await client.get("/api/session"), 401)


async def test_only_a_worker_s_credential_opens_a_link_and_never_from_a_page(
    site: Any, workspace: Workspace
) -> None:
    token = f"Bearer {workspace.credential()}"
    secret = await site.signed_in()
    for path in ("/link/worker", "/link/guard"):
        with refused(401):
            async with dialled(site, path, authorization=f"Bearer {site.server.auth.admin_token}"):
                pass
        with refused(401):
            async with dialled(
                site, path, cookie=f"{site.cookie}={secret}", origin=site.server.url
            ):
                pass
        with refused(401):
            async with dialled(site, path, authorization=token, origin=site.server.url):
                pass
        async with dialled(site, path, authorization=token):
            pass


async def test_tokens_are_on_no_disk_but_the_owner_s_files(site: Any) -> None:
    token = site.server.auth.link_token()
    secret = await site.signed_in()
    kept = [p for p in site.settings.config_dir.rglob("*") if p.is_file()]
    assert kept
    for path in kept:
        assert path.stat().st_mode & 0o077 == 0, path
        assert token not in path.read_text()
        assert secret not in path.read_text()
    for folder in (site.settings.config_dir, site.settings.run_dir):
        assert folder.stat().st_mode & 0o077 == 0


# ── limits of the wire ──


async def raw(site: Any, data: bytes, *, until_closed: bool = True) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        writer.write(data)
        async with asyncio.timeout(patience()):
            return await reader.read(-1 if until_closed else 65536)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x", b"GET /"])
async def test_a_connection_that_sends_no_whole_header_is_closed(hasty: Any, sent: bytes) -> None:
    """Slow header, slow loris: closed within 10 s, here within a twentieth of it."""
    assert server_module.HEADER_S < 10
    assert await raw(hasty, sent) == b""


async def test_a_slow_body_is_answered_and_the_connection_closed(hasty: Any) -> None:
    head = (
        f"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    answer = await raw(hasty, head.encode())
    assert answer.startswith(b"HTTP/1.1 408")


async def test_an_idle_connection_is_closed_after_its_answer(hasty: Any) -> None:
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n\r\n"
    answer = await raw(hasty, request.encode())
    assert answer.startswith(b"HTTP/1.1 200")


async def test_what_is_no_http_gets_a_problem(site: Any) -> None:
    answer = await raw(site, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer


async def test_a_socket_that_does_not_answer_pings_is_cut(hasty: Any) -> None:
    """A page that is gone, or never reads, is noticed without being written to."""
    secret = await hasty.signed_in()
    request = (
        f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{hasty.port}\r\n"
        f"Origin: {hasty.server.url}\r\nCookie: {hasty.cookie}={secret}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    answer = await raw(hasty, request.encode())
    assert answer.startswith(b"HTTP/1.1 101")


# ── the limits hold for anything ──


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.text(
        st.characters(min_codepoint=33, max_codepoint=0x10FFF, exclude_categories=["Cs"]),
        max_size=80,
    ).map(lambda text: "/api/" + text)
)
async def test_no_path_makes_the_server_stumble(site: Any, path: str) -> None:
    async with site.person() as client:
        with contextlib.suppress(httpx.InvalidURL):
            answer = await client.get(path)
            assert answer.status_code in (200, 400, 404, 405), path


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/../../server.py",
        "/assets/..%2f..%2fserver.py",
        "//etc/passwd",
        "/%5c%5chost%5cshare",
        "/index.html%00.js",
        "/" + "a" * 5000,
        "/.env",
        "/editor/index.html",
    ],
)
async def test_a_path_out_of_the_folder_finds_nothing(site: Any, path: str) -> None:
    """`../`, encoded, absolute, UNC, NUL, 5,000 characters: 404, no read."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nConnection: close\r\n\r\n"
    answer = await raw(site, request.encode())
    assert answer.split(b"\r\n")[0].endswith((b"404 Not Found", b"400 Bad Request"))
    assert b"root:" not in answer
    assert b"import" not in answer


async def test_a_folder_of_run_files_is_not_reachable_by_a_run_s_name(
    site: Any, workspace: Workspace
) -> None:
    async with site.person() as client:
        name = workspace.record.uuid
        await client.post("/api/sign-out")
        answer = await client.get(f"/api/workers/{name}/runs/..%2f..%2fcredential/export")
        assert answer.status_code in (401, 404)
        assert workspace.credential() not in answer.text


async def test_an_e_stop_says_whom_it_reaches_and_whom_it_does_not(site: Site) -> None:
    """S4: whatever else has a bench on this machine is named to anybody who looks on."""
    script = Presence("program", "measuring.py", lambda question, say: None, bench="own")
    script.begin()
    try:
        async with site.person("viewer") as person:
            told = (await person.get("/api/estop")).json()
        mine = [each for each in told["others"] if each["name"] == "measuring.py"]
        assert mine == [
            {"kind": "program", "name": "measuring.py", "pid": os.getpid(), "bench": "own"}
        ]
        assert told["workers"] == []
    finally:
        script.end()
