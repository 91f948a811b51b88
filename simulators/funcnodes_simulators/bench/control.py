"""The bench's back door: a socket that shows the truth and breaks things on request.

Newline-delimited JSON over TCP on the loopback interface; every request gets one answer, an object,
and a bad one gets `{"error": "..."}`. Requests:

    {"do": "state"}                                     what is really on the bench
    {"do": "state", "device": "smu"}                    one thing of it
    {"do": "resources"}                                 addresses of the instruments
    {"do": "fault", "device": "smu", "kind": "delay", "seconds": 0.5, "count": 1,
     "match": ":READ", "nth": 1}                        arm a fault, see `faults.Fault`
    {"do": "faults"}                                    what is armed, and what went wrong so far
    {"do": "clear"}                                     disarm all faults, or one "device"'s
    {"do": "strict"}                                    what clients did wrong so far
    {"do": "forgive"}                                   forget it
    {"do": "power_cycle", "device": "smu", "off_s": 2}  off, for so long, and on again
    {"do": "commands", "device": "smu"}                 [time, message] of what was received
    {"do": "wait", "device": "smu", "path": "output", "equals": false, "timeout_s": 5}
                                                        answers when the state is so

`{"do": "wait"}` also takes the name of a device under test, and dots in `path`. Times are those of
the bench's monotonic clock, whose present is `now` in the state.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol

from funcnodes_simulators.faults.files import read_fault
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.streams import Stream, StreamServer
from funcnodes_simulators.strict import StrictLog

LONGEST_REQUEST_BYTES = 65536
WAIT_POLL_S = 0.002
LONGEST_WAIT_S = 3600.0

Json = dict[str, Any]


class Controlled(Protocol):
    """What the control socket needs of a bench."""

    stations: dict[str, Station]
    strict: StrictLog

    @property
    def resources(self) -> dict[str, str]: ...

    def state(self) -> Json: ...


class ControlError(Exception):
    """A request that makes no sense, in one plain sentence."""


class Control:
    """Answers requests about one bench; knows no socket."""

    def __init__(self, bench: Controlled) -> None:
        self._bench = bench
        self._verbs: dict[str, Callable[[Json], Awaitable[Json]]] = {
            "state": self._state,
            "resources": self._resources,
            "fault": self._fault,
            "faults": self._faults,
            "clear": self._clear,
            "strict": self._strict,
            "forgive": self._forgive,
            "power_cycle": self._power_cycle,
            "commands": self._commands,
            "wait": self._wait,
        }

    async def answer_line(self, line: bytes) -> bytes:
        """Answer one request as it was sent; never raises on any bytes."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _encoded({"error": f"the request is not JSON: {error}"})
        return _encoded(await self.answer(request))

    async def answer(self, request: object) -> Json:
        """Answer one decoded request."""
        try:
            if not isinstance(request, dict):
                raise ControlError("a request is a JSON object")
            verb = request.get("do")
            if not isinstance(verb, str) or verb not in self._verbs:
                raise ControlError(f"there is no {verb!r} to do; there is {', '.join(self._verbs)}")
            return await self._verbs[verb](request)
        except ControlError as error:
            return {"error": str(error)}

    async def _state(self, request: Json) -> Json:
        state = self._bench.state()
        if "device" not in request:
            return state
        return _member(state, request["device"])

    async def _resources(self, request: Json) -> Json:
        return dict(self._bench.resources)

    async def _fault(self, request: Json) -> Json:
        station = self._station(request)
        details = {key: value for key, value in request.items() if key not in ("do", "device")}
        try:
            station.arm(read_fault(details, "a fault"))
        except ValueError as error:
            raise ControlError(str(error)) from None
        return {"ok": True}

    async def _faults(self, request: Json) -> Json:
        return {
            name: {
                "pending": [asdict(fault) for fault in station.faults.pending],
                "strikes": [[s.at_s, s.kind, s.message] for s in station.faults.strikes],
            }
            for name, station in self._bench.stations.items()
        }

    async def _clear(self, request: Json) -> Json:
        named = "device" in request
        stations = [self._station(request)] if named else self._bench.stations.values()
        for station in stations:
            station.disarm()
        return {"ok": True}

    async def _strict(self, request: Json) -> Json:
        log = self._bench.strict
        return {"violations": [asdict(v) for v in log.violations], "count": log.count}

    async def _forgive(self, request: Json) -> Json:
        self._bench.strict.clear()
        return {"ok": True}

    async def _power_cycle(self, request: Json) -> Json:
        off_s = _typed("off_s", request.get("off_s", 0.0), float)
        if not 0 <= off_s <= LONGEST_WAIT_S:
            raise ControlError(f"off_s is {off_s}, not a number from 0 to {LONGEST_WAIT_S:g}")
        self._station(request).power_cycle(off_s=off_s)
        return {"ok": True}

    async def _commands(self, request: Json) -> Json:
        return {"commands": [[at_s, text] for at_s, text in self._station(request).commands]}

    async def _wait(self, request: Json) -> Json:
        path = _typed("path", request.get("path"), str)
        timeout_s = _typed("timeout_s", request.get("timeout_s", 5.0), float)
        if "equals" not in request:
            raise ControlError("a wait needs what the value equals")
        if not 0 <= timeout_s <= LONGEST_WAIT_S:
            raise ControlError(f"a wait of {timeout_s} s is outside 0 to {LONGEST_WAIT_S:g} s")
        wanted = request["equals"]
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while (value := self._value(request.get("device"), path)) != wanted:
            if asyncio.get_running_loop().time() >= deadline_s:
                where = f"{request.get('device')}.{path}"
                raise ControlError(f"{where} was still {value!r} after {timeout_s:g} s")
            await asyncio.sleep(WAIT_POLL_S)
        return {"ok": True, "value": value}

    def _value(self, name: object, path: str) -> object:
        value: object = _member(self._bench.state(), name)
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                raise ControlError(f"{name} has no {path!r}")
            value = value[key]
        return value

    def _station(self, request: Json) -> Station:
        name = request.get("device")
        stations = self._bench.stations
        if not isinstance(name, str) or name not in stations:
            raise ControlError(f"there is no device {name!r}; there is {', '.join(stations)}")
        return stations[name]


class ControlServer:
    """A `Control` on a TCP port of the loopback interface."""

    def __init__(self, control: Control, *, port: int = 0) -> None:
        self._control = control
        self._server = StreamServer(self._serve, port=port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or not allowed.
        """
        await self._server.start()

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._server.stop()

    async def _serve(self, stream: Stream) -> None:
        while True:
            line = await stream.read_line(LONGEST_REQUEST_BYTES)
            too_long = _encoded({"error": f"a request has at most {LONGEST_REQUEST_BYTES} bytes"})
            stream.write(too_long if line is None else await self._control.answer_line(line))
            await stream.drain()


def _member(state: Json, name: object) -> Json:
    member = state.get(name) if isinstance(name, str) else None
    if not isinstance(member, dict):
        names = ", ".join(key for key, value in state.items() if isinstance(value, dict))
        raise ControlError(f"there is no {name!r} on the bench; there is {names}")
    return member


def _typed(key: str, value: object, kind: type) -> Any:
    accepted = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) or not isinstance(value, accepted):
        what = {str: "text", float: "a number", int: "a whole number"}[kind]
        raise ControlError(f"{key} is {value!r}, not {what}")
    return value


def _encoded(answer: Json) -> bytes:
    return json.dumps(answer).encode() + b"\n"
