"""The editor's files, served from memory.

Everything is read once; a request is a look-up of its exact path among what was read, so no path
a browser sends ever reaches the file system. Hashed assets are immutable, the page itself is asked
for again each time and answered 304 where it is unchanged.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from funcnodes.web.asgi import Receive, Scope, Send, header, respond
from funcnodes.web.problems import MEDIA_TYPE, encoded

EDITOR = Path(__file__).parent / "editor"
PAGES = ("/", "/start")
PAGE_FOLDERS = ("/panel/",)
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg")


@dataclass(slots=True)
class Asset:
    """One file, with what its headers say."""

    data: bytes
    media_type: str
    etag: str
    immutable: bool
    _zipped: bytes = field(default=b"")

    @classmethod
    def read(cls, path: Path, *, immutable: bool) -> "Asset":
        data = path.read_bytes()
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if path.suffix in (".js", ".mjs"):
            media_type = "text/javascript"
        if media_type.startswith("text/"):
            media_type += "; charset=utf-8"
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        return cls(data, media_type, etag, immutable)

    def zipped(self) -> bytes:
        """The content, compressed, or b"" where that does not pay."""
        worth = len(self.data) > 512 and self.media_type.startswith(_COMPRESSIBLE)
        if worth and not self._zipped:
            self._zipped = gzip.compress(self.data, 6, mtime=0)
        return self._zipped


class StaticFiles:
    """ASGI application for the editor's bundle.

    Args:
        root: Folder of the bundle; a missing one serves nothing.
        pages: Whether the page itself is there (not under `startworkermanager`).
    """

    def __init__(self, root: Path = EDITOR, *, pages: bool = True) -> None:
        self._root = root
        self._assets = dict(_read_all(root)) if pages else {}
        self._pages = pages

    def show_pages(self) -> None:
        """The page is there from now on."""
        if not self._pages:
            self._assets, self._pages = dict(_read_all(self._root)), True

    @property
    def paths(self) -> set[str]:
        """Every path that is served as it is."""
        return set(self._assets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await self._problem(scope, send, 405, "Only GET and HEAD work here.")
            return
        asset = self._find(scope["path"])
        if asset is None:
            await self._problem(scope, send, 404, self._missing(scope["path"]))
        else:
            await self._answer(scope, send, asset)

    def _find(self, path: str) -> Asset | None:
        if path in PAGES or path.startswith(PAGE_FOLDERS):
            return self._assets.get("/index.html")
        return self._assets.get(path)

    def _missing(self, path: str) -> str:
        if not self._pages:
            return "This is a worker manager; it has no editor. 'funcnodes runserver' has one."
        if path in PAGES:
            return "The editor's files are missing from this installation."
        return f"There is nothing at {path[:200]!r}."

    async def _problem(self, scope: Scope, send: Send, status: int, detail: str) -> None:
        title = "NotFound" if status == 404 else "MethodNotAllowed"
        headers = [(b"allow", b"GET, HEAD")] if status == 405 else []
        body = encoded(status, title, detail)
        await respond(send, status, body, MEDIA_TYPE, headers, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, send: Send, asset: Asset) -> None:
        cache = "public, max-age=31536000, immutable" if asset.immutable else "no-cache"
        headers = [(b"etag", asset.etag.encode()), (b"cache-control", cache.encode())]
        headers.append((b"vary", b"accept-encoding"))
        asked = header(scope, b"if-none-match")
        if asked is not None and asset.etag in _tags(asked):
            await respond(send, 304, b"", "", headers)
            return
        data = asset.data
        if "gzip" in (header(scope, b"accept-encoding") or "") and asset.zipped():
            data = asset.zipped()
            headers.append((b"content-encoding", b"gzip"))
        head = scope["method"] == "HEAD"
        await respond(send, 200, data, asset.media_type, headers, head=head)


def _read_all(root: Path) -> Iterable[tuple[str, Asset]]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = "/" + path.relative_to(root).as_posix()
            yield name, Asset.read(path, immutable=name.startswith("/assets/"))


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
