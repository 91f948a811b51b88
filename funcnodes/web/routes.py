"""The HTTP interface. Thin: who asks is known from the gate, what is asked is the manager's.

POST /api/sign-in                {"token"}            one-time token → session cookie
POST /api/sign-out
GET  /api/session                                     who I am, and where to look first
POST /api/session/name           {"name"}
POST /api/link                   {"role"?, "name"?}   admin: a fresh sign-in link
POST /api/editor                                      admin: serve the page, too
GET  /api/workers                                     list
POST /api/workers                {"name"}             admin: create
POST /api/workers/{w}/start      /stop                admin
POST /api/workers/{w}/estop                           anybody: E-STOP one worker
POST /api/estop                                       anybody: E-STOP all of them
GET  /api/estop                                       whom that reaches, and whom it does not
GET  /api/workers/{w}/runs/{run}/export?format=csv    a recorded run as a file
GET  /api/workers/{w}/traffic?device=NAME             instrument traffic as a replay file
GET  /api/schema                                      JSON schema of the live socket
WS   /api/live                                        see `live`
WS   /link/worker, /link/guard                        see `links`
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.response import Stream

from funcnodes import __version__
from funcnodes.errors import FuncnodesError, RefusedError, WorkerError
from funcnodes.web.asgi import Receive, Scope, Send
from funcnodes.web.auth import SESSION_S, Auth, Person
from funcnodes.web.gate import Caller
from funcnodes.web.links import WorkerLinks
from funcnodes.web.live import LiveSockets
from funcnodes.web.problems import MEDIA_TYPE, encoded, encoded_error
from funcnodes.workers import schema
from funcnodes.workers.manager.exports import Exports
from funcnodes.workers.manager.hub import Hub
from funcnodes.workers.manager.manager import Manager, Stranger, WorkerView, actor
from funcnodes.workers.roles import at_least

T = TypeVar("T")


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    token: str


class NameRequest(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class LinkRequest(msgspec.Struct, forbid_unknown_fields=True):
    role: schema.Role = "admin"
    name: str = ""


class SignedIn(msgspec.Struct):
    you: schema.PersonView


class SessionView(msgspec.Struct):
    you: schema.PersonView
    version: str
    default_worker: str | None


class LinkView(msgspec.Struct):
    link: str
    """Holds a one-time token in its fragment."""
    role: schema.Role


class EStopView(msgspec.Struct):
    """What an E-STOP of one worker has come to."""

    worker: str
    name: str
    latch: schema.LatchView | None = None
    problem: str = ""
    """Why it was not reached, or ""."""


class EStopScope(msgspec.Struct):
    """Whom an E-STOP from a page of this server reaches, and whom it does not (S4)."""

    workers: list[WorkerView]
    others: list[Stranger]
    """Reached by `funcnodes estop` on this machine."""


class Interface:
    """The handlers, around the parts they speak to.

    Args:
        url: Of this server, as sign-in links begin.
        cookie: Name of the session's cookie.
        show_editor: Has the server serve the page, too.
    """

    def __init__(
        self, *, manager: Manager, auth: Auth, url: str, cookie: str,
        show_editor: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.manager = manager
        self.auth = auth
        self.url = url
        self.cookie = cookie
        self.show_editor = show_editor
        self.live = LiveSockets(manager)
        self.links = WorkerLinks(manager)
        self.exports = Exports()

    def app(self) -> Litestar:
        """The Litestar application."""
        return Litestar(
            route_handlers=[
                *self._session_routes(),
                *self._worker_routes(),
                *self._socket_routes(),
            ],
            exception_handlers={
                HTTPException: _http_problem,
                FuncnodesError: _problem,
                Exception: _problem,
            },
            openapi_config=None,
            logging_config=None,
        )

    def _session_routes(self) -> list[Any]:
        @post("/api/sign-in", status_code=200)
        async def sign_in(request: Request[Any, Any, Any]) -> Response[SignedIn]:
            data = await read(request, SignIn)
            address = caller(request).address
            secret, person = self.auth.sign_in(data.token, address=address)
            return Response(SignedIn(person.view()), cookies=[self._cookie(secret)])

        @post("/api/sign-out", status_code=200)
        async def sign_out(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
            secret = caller(request).secret
            self.auth.sign_out(secret)
            self.live.signed_out(secret)
            return Response({}, cookies=[self._cookie("", age_s=0)])

        @get("/api/session")
        async def session(request: Request[Any, Any, Any]) -> SessionView:
            return SessionView(person(request).view(), __version__, self.manager.default())

        @post("/api/session/name", status_code=200)
        async def name(request: Request[Any, Any, Any]) -> SignedIn:
            data = await read(request, NameRequest)
            secret = caller(request).secret
            renamed = self.auth.rename(secret, data.name)
            self.live.renamed(secret, renamed)
            return SignedIn(renamed.view())

        @post("/api/link", status_code=200)
        async def link(request: Request[Any, Any, Any]) -> LinkView:
            data = await read(request, LinkRequest)
            require(request, "admin", "hand out sign-in links")
            token = self.auth.link_token(role=data.role, name=data.name)
            return LinkView(f"{self.url}/#token={token}", data.role)

        @post("/api/editor", status_code=200)
        async def editor(request: Request[Any, Any, Any]) -> dict[str, Any]:
            require(request, "admin", "have the page served")
            self.show_editor()
            return {}

        @get("/api/schema")
        async def schema_of_live() -> dict[str, Any]:
            received: Any = schema.FromWorker
            sent: Any = schema.FromBrowser
            (to_browser, from_browser), parts = msgspec.json.schema_components(
                [received, sent], ref_template="#/$defs/{name}"
            )
            return {"to_browser": to_browser, "from_browser": from_browser, "$defs": parts}

        return [sign_in, sign_out, session, name, link, editor, schema_of_live]

    def _worker_routes(self) -> list[Any]:
        @get("/api/workers")
        async def workers() -> list[WorkerView]:
            return self.manager.views()

        @post("/api/workers", status_code=201)
        async def create(request: Request[Any, Any, Any]) -> WorkerView:
            data = await read(request, NameRequest)
            require(request, "admin", "create workers")
            return self.manager.create(data.name)

        @post("/api/workers/{worker:str}/start", status_code=200)
        async def start(request: Request[Any, Any, Any]) -> WorkerView:
            require(request, "admin", "start workers")
            return self.manager.start(self._known(request))

        @post("/api/workers/{worker:str}/stop", status_code=200)
        async def stop(request: Request[Any, Any, Any]) -> WorkerView:
            require(request, "admin", "stop workers")
            return await self.manager.stop(self._known(request))

        @post("/api/workers/{worker:str}/estop", status_code=200)
        async def estop(request: Request[Any, Any, Any]) -> schema.LatchView:
            hub = self.manager.hub(self._known(request))
            return await hub.estop(actor(person(request).view()))

        @post("/api/estop", status_code=200)
        async def estop_all(request: Request[Any, Any, Any]) -> list[EStopView]:
            who = actor(person(request).view())
            reached = [each for each in self.manager.views() if each.pid is not None]
            return list(await asyncio.gather(*(self._estop(each, who) for each in reached)))

        @get("/api/workers/{worker:str}/runs/{run:str}/export")
        async def export(request: Request[Any, Any, Any]) -> Stream:
            hub = self.manager.hub(self._known(request))
            wanted = request.query_params.get("format", "csv")
            if wanted != "csv":
                raise HTTPException(
                    status_code=400, detail=f"Runs are exported as csv, not as {wanted[:40]!r}."
                )
            who, run = actor(person(request).view()), request.path_params["run"]
            stream = request.query_params.get("stream", "")
            first, pieces = await self.exports.begin(hub, who, run, stream)
            headers = {"content-disposition": _attachment(first.name)}
            return Stream(pieces, media_type=first.media_type, headers=headers)

        @get("/api/workers/{worker:str}/traffic")
        async def traffic(request: Request[Any, Any, Any]) -> Response[bytes]:
            hub = self.manager.hub(self._known(request))
            body = schema.ExportTraffic(devices=request.query_params.getall("device", []))
            return await self._download(request, hub, body)

        @get("/api/estop")
        async def scope_of_estop() -> EStopScope:
            return EStopScope(
                workers=[each for each in self.manager.views() if each.pid is not None],
                others=await asyncio.to_thread(self.manager.out_of_reach),
            )

        return [
            workers, create, start, stop, estop, estop_all, scope_of_estop, export, traffic,
        ]  # fmt: skip

    def _socket_routes(self) -> list[Any]:
        @websocket("/api/live")
        async def live(socket: WebSocket[Any, Any, Any]) -> None:
            await self.live.serve(*_raw(socket))

        @websocket("/link/worker")
        async def worker(socket: WebSocket[Any, Any, Any]) -> None:
            await self.links.worker(*_raw(socket))

        @websocket("/link/guard")
        async def guard(socket: WebSocket[Any, Any, Any]) -> None:
            await self.links.guard(*_raw(socket))

        return [live, worker, guard]

    def _known(self, request: Request[Any, Any, Any]) -> str:
        """The uuid of the worker named in the path.

        Raises:
            HTTPException: No such worker (404).
        """
        try:
            return self.manager.worker(request.path_params["worker"]).workspace.record.uuid
        except WorkerError as error:
            raise HTTPException(status_code=404, detail=error.message) from error

    async def _download(
        self,
        request: Request[Any, Any, Any],
        hub: Hub,
        body: schema.ExportTraffic,
    ) -> Response[bytes]:
        result = await hub.request(actor(person(request).view()), body, timeout_s=60.0)
        return Response(
            result["data"],
            media_type=result["media_type"].partition(";")[0],
            headers={"content-disposition": _attachment(result["name"])},
        )

    async def _estop(self, view: WorkerView, who: schema.Actor) -> EStopView:
        try:
            latch = await self.manager.hub(view.uuid).estop(who)
        except FuncnodesError as error:
            return EStopView(view.uuid, view.name, problem=f"{error.message} {error.hint}".strip())
        return EStopView(view.uuid, view.name, latch=latch)

    def _cookie(self, secret: str, *, age_s: float = SESSION_S) -> Cookie:
        return Cookie(
            key=self.cookie,
            value=secret,
            path="/",
            max_age=int(age_s),
            httponly=True,
            samesite="strict",
        )


def _raw(socket: Any) -> tuple[Scope, Receive, Send]:
    """The ASGI beneath Litestar's socket."""
    return socket.scope, socket.receive, socket.send


async def read(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The request's JSON body.

    Raises:
        HTTPException: It is no such object (400).
    """
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise HTTPException(status_code=400, detail=f"The body is not valid: {error}.") from error


def caller(request: Request[Any, Any, Any]) -> Caller:
    """Who the gate found to be asking."""
    found = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the gate
    assert isinstance(found, Caller), "only the gate calls the application"
    return found


def person(request: Request[Any, Any, Any]) -> Person:
    """The person who asks.

    Raises:
        RefusedError: It is a worker.
    """
    found = caller(request).person
    if found is None:
        raise RefusedError("Only people may ask for this.")
    return found


def require(request: Request[Any, Any, Any], role: schema.Role, what: str) -> None:
    """Let callers of at least this role pass.

    Raises:
        HTTPException: The caller's role is less (403).
    """
    if not at_least(person(request).role, role):
        raise HTTPException(status_code=403, detail=f"Only an {role} may {what}.")


def _problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    status, body = encoded_error(error, instance=request.url.path)
    headers = {}
    if (wait := getattr(error, "retry_after_s", None)) is not None:
        headers["retry-after"] = str(int(wait) + 1)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: unknown paths, wrong methods, bodies that do not fit."""
    status, path = error.status_code, request.url.path
    title, detail = _TITLES.get(status, "HttpError"), error.detail
    if status == 404 and detail in ("", "Not Found"):
        detail = f"There is nothing at {path[:200]!r}."
    elif status == 405:
        detail = f"{request.method} does not work at {path[:200]!r}."
    elif status >= 500:
        detail = "Something went wrong inside."
    body = encoded(status, title, detail, instance=path)
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


_TITLES = {
    400: "BadRequest",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "TooLarge",
    415: "NotJson",
    500: "InternalError",
}


def _attachment(name: str) -> str:
    """A Content-Disposition that makes browsers save rather than show."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
