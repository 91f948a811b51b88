"""The editor's files: cached for ever or asked for each time, never more than what is there."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from funcnodes.settings import Settings
from funcnodes.web.listening import listen
from funcnodes.web.server import WebServer
from funcnodes.web.static import EDITOR, StaticFiles


async def get(site: Any, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
        return await client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize("path", ["/", "/start", "/panel/diode", "/index.html"])
async def test_the_page_is_there_for_every_route_of_it_and_asked_for_again_each_time(
    site: Any, path: str
) -> None:
    answer = await get(site, path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    again = await get(site, path, if_none_match=answer.headers["etag"])
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == answer.headers["etag"]
    assert (await get(site, path, if_none_match='"other", W/"more"')).status_code == 200


async def test_hashed_assets_are_immutable_and_compressed(site: Any) -> None:
    scripts = sorted((EDITOR / "assets").glob("*.js"))
    assert scripts
    path = f"/assets/{scripts[0].name}"
    answer = await get(site, path)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == scripts[0].read_bytes()
    plain = await get(site, path, accept_encoding="identity")
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


async def test_head_tells_the_length_and_sends_nothing(site: Any) -> None:
    async with httpx.AsyncClient(base_url=site.server.url, trust_env=False) as client:
        answer = await client.head("/", headers={"accept-encoding": "identity"})
        assert int(answer.headers["content-length"]) == (EDITOR / "index.html").stat().st_size
        assert answer.content == b""
        assert (await client.post("/", headers={"origin": site.server.url})).status_code == 405


async def test_a_manager_alone_has_no_page_and_says_where_there_is_one(settings: Settings) -> None:
    server = WebServer(settings, listen("127.0.0.1", 0), editor=False)
    async with server.serving(), httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(server.url + "/")
        assert answer.status_code == 404
        assert "runserver" in answer.json()["detail"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "editor"
    root.mkdir()
    (root / "index.html").write_text("page")
    (root / "leak").symlink_to(tmp_path / "secret")
    files = StaticFiles(root)
    assert files.paths == {"/index.html"}
