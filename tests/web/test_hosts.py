"""The gate's look at a request: whose name, whose page, what kind of body (1, 2, 6)."""

from typing import Any

import pytest

from funcnodes.web.gate import Hosts, RequestRefused

HOSTS = Hosts(["127.0.0.1", "localhost", "::1"], 8000)
OURS = ("host", "127.0.0.1:8000")


def check(*headers: tuple[str, str], **scope: Any) -> str:
    """What it is refused as, or "" where it passes."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    found = {"type": "http", "method": "GET", "path": "/api/workers", "headers": raw, **scope}
    try:
        HOSTS.check(found)
    except RequestRefused as refusal:
        return refusal.title if refusal.status == 403 else f"{refusal.status}"
    return ""


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "LOCALHOST:8000", "[::1]:8000"])
def test_our_own_names_pass(host: str) -> None:
    assert check(("host", host)) == ""


@pytest.mark.parametrize(
    "hosts",
    [
        [], ["evil.example:8000"], ["127.0.0.1"], ["127.0.0.1:80"], ["127.0.0.1:8000.evil.example"],
        ["127.0.0.1:8000", "evil.example"], ["127.0.0.1:8000", "127.0.0.1:8000"],
        ["evil.example", "127.0.0.1:8000"],
    ],
)  # fmt: skip
def test_no_other_name_and_no_two_names_do(hosts: list[str]) -> None:
    """Of two names, whatever is behind may take the other."""
    assert check(*[("host", host) for host in hosts]) == "WrongHost"


def test_a_server_on_the_usual_port_is_named_without_it() -> None:
    hosts = Hosts(["localhost"], 80)
    for host in (b"localhost", b"localhost:80"):
        hosts.check({"type": "http", "path": "/", "method": "GET", "headers": [(b"host", host)]})


@pytest.mark.parametrize(
    "origins",
    [
        ["http://evil.example"], ["https://127.0.0.1:8000"], ["http://127.0.0.1"], ["null"],
        ["http://localhost:8000"], ["http://127.0.0.1:8000.evil.example"], [""],
        ["http://127.0.0.1:8000", "http://evil.example"],
        ["http://127.0.0.1:8000", "http://127.0.0.1:8000"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_any_other_origin_or_of_two_is_refused(kind: str, origins: list[str]) -> None:
    """The page must be that of the very name that was asked: localhost is not 127.0.0.1."""
    told = [("origin", origin) for origin in origins]
    assert check(OURS, *told, type=kind) == "WrongOrigin"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
def test_what_a_browser_calls_another_site_is_refused(site: str) -> None:
    assert check(OURS, ("sec-fetch-site", site)) == "CrossSite"


NAVIGATES = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"),
             ("sec-fetch-dest", "document"))  # fmt: skip


def test_a_link_from_elsewhere_opens_the_page_and_nothing_else() -> None:
    assert check(OURS, *NAVIGATES, path="/") == ""
    assert check(OURS, *NAVIGATES, path="/", method="HEAD") == ""
    assert check(OURS, *NAVIGATES, path="/", method="POST") == "CrossSite"
    assert check(OURS, *NAVIGATES, path="/api") == "CrossSite"
    assert check(OURS, *NAVIGATES, path="/api/workers") == "CrossSite"
    assert check(OURS, *NAVIGATES, path="/link/worker") == "CrossSite"
    assert check(OURS, *NAVIGATES, path="/", type="websocket") == "CrossSite"
    for left_out in range(1, 3):
        told = [each for n, each in enumerate(NAVIGATES) if n != left_out]
        assert check(OURS, *told, path="/") == "CrossSite"
    framed = (*NAVIGATES[:2], ("sec-fetch-dest", "iframe"))
    assert check(OURS, *framed, path="/") == "CrossSite", "a frame of somebody else's page"


@pytest.mark.parametrize(
    "kind",
    ["text/json", "application/json5", "application/x-ndjson", "application/jsonx", "json",
     "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=json", ""],
)  # fmt: skip
async def test_a_body_of_any_other_kind_than_json_is_not_read(site: Any, kind: str) -> None:
    """What a form of another site can send without asking is among them (6)."""
    async with site.client(**{"content-type": kind}) as client:
        answer = await client.post("/api/sign-in", content=b'{"token": "x"}')
        assert answer.status_code == 415
        assert answer.json()["title"] == "NotJson"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_read(site: Any, kind: str) -> None:
    async with site.client(**{"content-type": kind}) as client:
        answer = await client.post("/api/sign-in", content=b'{"token": "x"}')
        assert answer.status_code == 401
