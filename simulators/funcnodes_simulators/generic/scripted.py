"""An instrument that follows a definition file of pyvisa-sim: dialogues, properties, channels.

Answers as pyvisa-sim does, query by query. It is more generous in what it takes for a number, and
more careful with what nobody meant: a value that cannot be written the way its getter says is an
error here, where pyvisa-sim raises in the client.
"""

import difflib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from funcnodes_simulators.generic.definition_files import read_device
from funcnodes_simulators.generic.definitions import (
    BadReply,
    Channels,
    Component,
    Definition,
    Property,
    RandomReply,
    Reply,
    Resource,
    as_bytes,
)
from funcnodes_simulators.generic.templates import Template, Value
from funcnodes_simulators.instruments.buffers import TerminatedBuffer
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution
from funcnodes_simulators.strict import not_understood

INPUT_LIMIT_BYTES = 1 << 16
MOST_ERRORS = 100
SELECTED = "selected_channel"

_Attempt = tuple[Reply, bool]  # an answer, and whether the device's own word for an error is it

KINDS = {"tcp": ("TCPIP SOCKET", "TCPIP INSTR"), "pty": ("ASRL INSTR",)}
OTHER_KINDS = ("TCPIP INSTR",)


class Scripted:
    """One device of a definition file."""

    input_limit_bytes = INPUT_LIMIT_BYTES

    def __init__(
        self,
        world: World,
        definition: Definition,
        *,
        terminators: tuple[bytes, bytes] = (b"\n", b"\n"),
        resource: str = "",
    ) -> None:
        """Bring a device to life.

        Args:
            world: Where random replies come from.
            definition: What it answers.
            terminators: What ends a query and a response.
            resource: The address that the file gives it.
        """
        self._world = world
        self._definition = definition
        self._query_end, self.terminator = terminators
        self._resource = resource
        self._mains = _Answers(definition.component)
        self._channels = [_ChannelAnswers(channels) for channels in definition.channels]
        self.power_cycle()

    def input_buffer(self) -> TerminatedBuffer:
        """Return what cuts a client's bytes into messages."""
        return TerminatedBuffer(self._query_end, self.input_limit_bytes)

    def execute(self, message: str) -> Execution:
        """Answer each query of a message; each reply ends in a terminator of its own."""
        yield from ()
        data, delimiter = message.encode("latin-1"), self._definition.delimiter
        queries = data.split(delimiter) if delimiter else [data]
        replies = [reply for query in queries if (reply := self._answer(query)) is not None]
        return self.terminator.join(replies) if replies else None

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None: ...

    def overrun(self) -> None:
        self._fail("command_error")

    def deadlocked(self) -> None:
        self._fail("query_error")

    def fail(self, code: int) -> None:
        self._fail("query_error" if -499 <= code <= -400 else "command_error")

    def status_byte(self, *, has_output: bool) -> int:
        return 1 << 4 if has_output else 0

    def power_cycle(self) -> None:
        self._mains.reset()
        for answers in self._channels:
            answers.reset()
        self._registers = {register.query: 0 for register in self._definition.registers}
        self._errors: dict[bytes, deque[bytes]] = {
            queue.query: deque(maxlen=MOST_ERRORS) for queue in self._definition.queues
        }

    def state(self) -> dict[str, object]:
        channels = {
            channel_id: dict(values)
            for answers in self._channels
            for channel_id, values in answers.values.items()
        }
        return {
            "model": "yaml",
            "device": self._definition.name,
            "resource": self._resource,
            "properties": dict(self._mains.values),
            "channels": channels,
        }

    def _answer(self, query: bytes) -> bytes | None:
        """Return what a query is answered with, None for silence."""
        for attempt in self._attempts(query):
            if attempt is not None:
                reply, is_refusal = attempt
                return self._fail("command_error") if is_refusal else self._given(reply, query)
        not_understood(query.decode("latin-1"), "nothing answers it", self._nearest(query))
        return self._fail("command_error")

    def _attempts(self, query: bytes) -> Iterator[_Attempt | None]:
        """Look for an answer in the order that pyvisa-sim does."""
        yield self._mains.look_up(query)
        yield self._read_register(query)
        yield self._read_queue(query)
        yield self._mains.set(query)
        for answers in self._channels:
            yield answers.answer(query, self._mains.values.get(SELECTED))

    def _given(self, reply: Reply, query: bytes) -> bytes | None:
        if isinstance(reply, RandomReply):
            draws = (self._world.uniform(reply.low, reply.high) for _ in range(reply.count))
            return ", ".join(reply.template.written({"": draw}) for draw in draws).encode()
        if isinstance(reply, BadReply):
            not_understood(query.decode("latin-1"), f"its reply {reply.text!r} makes no sense")
            return self._fail("command_error")
        return reply

    def _read_register(self, query: bytes) -> _Attempt | None:
        if query not in self._registers:
            return None
        value, self._registers[query] = self._registers[query], 0
        return str(value).encode(), False

    def _read_queue(self, query: bytes) -> _Attempt | None:
        for queue in self._definition.queues:
            if queue.query == query:
                errors = self._errors[query]
                return (errors.popleft() if errors else queue.default), False
        return None

    def _fail(self, error: str) -> bytes | None:
        """Note an error wherever the device keeps such errors; return what it answers."""
        holders = [r for r in self._definition.registers if error in r.bits]
        if holders:
            self._registers[holders[-1].query] |= holders[-1].bits[error]
        for queue in self._definition.queues:
            if error in queue.texts:
                self._errors[queue.query].append(queue.texts[error])
        return self._definition.responses.get(error)

    def _nearest(self, query: bytes) -> str | None:
        known = [*self._mains.known(), *(q for c in self._channels for q in c.known())]
        close = difflib.get_close_matches(query.decode("latin-1")[:100], known, n=1, cutoff=0.6)
        return close[0] if close else None


class _Answers:
    """What a device answers outside of its channels, and the values that it remembers."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._dialogues = {as_bytes(query): r for query, r in component.dialogues.items()}
        self._getters = {
            as_bytes(p.getter.query): p for p in component.properties.values() if p.getter
        }
        self.values: dict[str, Value] = {}

    def reset(self) -> None:
        self.values = {name: p.default for name, p in self._component.properties.items()}

    def known(self) -> list[str]:
        return _known(self._component)

    def look_up(self, query: bytes) -> _Attempt | None:
        if query in self._dialogues:
            return self._dialogues[query], False
        if query in self._getters:
            return _shown(self._getters[query], self.values)
        return None

    def set(self, query: bytes) -> _Attempt | None:
        is_refused = False
        for prop, values in _settings(self._component, query):
            assert prop.setter is not None
            if "" not in values:
                return prop.setter.reply, False
            try:
                self.values[prop.name] = prop.value(values[""])
            except ValueError:
                is_refused = True
                if prop.setter.refusal is not None:
                    return prop.setter.refusal, False
            else:
                return prop.setter.reply, False
        return (None, True) if is_refused else None


class _ChannelAnswers:
    """What the channels of one kind answer, and what each remembers."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._component = channels.component
        self._answers = {
            channel_id: _Answers(_for_channel(self._component, channel_id))
            for channel_id in channels.ids
        }
        self._plain = _Answers(self._component)
        self.values: dict[str, dict[str, Value]] = {}

    def reset(self) -> None:
        for answers in (self._plain, *self._answers.values()):
            answers.reset()
        self.values = {channel_id: self._fresh() for channel_id in self._channels.ids}

    def known(self) -> list[str]:
        return _known(self._component)

    def answer(self, query: bytes, selected: Value | None) -> _Attempt | None:
        if self._channels.is_inline:
            for channel_id, answers in self._answers.items():
                answers.values = self.values[channel_id]
                if (found := answers.look_up(query)) is not None:
                    return found
            last = self._channels.ids[-1] if self._channels.ids else ""
            return self._set(query, last)
        channel_id = str(selected)
        if channel_id not in self.values:
            return None
        self._plain.values = self.values[channel_id]
        return self._plain.look_up(query) or self._set(query, channel_id)

    def _set(self, query: bytes, channel_id: str) -> _Attempt | None:
        for prop, values in _settings(self._component, query):
            assert prop.setter is not None
            channel_id = str(values.get("ch_id", channel_id))
            if channel_id not in self._channels.ids:
                not_understood(query.decode("latin-1"), f"there is no channel {channel_id!r}")
            if "" not in values:
                return prop.setter.reply, False
            try:
                value = prop.value(str(values[""]))
            except ValueError:
                refusal = prop.setter.refusal
                return (None, True) if refusal is None else (refusal, False)
            self.values.setdefault(channel_id, self._fresh())[prop.name] = value
            return prop.setter.reply, False
        return None

    def _fresh(self) -> dict[str, Value]:
        return {name: p.default for name, p in self._component.properties.items()}


def _for_channel(component: Component, channel_id: str) -> Component:
    """Return what one channel answers: its name stands where `{ch_id}` does."""

    def named(query: str) -> str:
        return Template(query).written({"ch_id": channel_id})

    properties = {
        name: replace(
            p, getter=replace(p.getter, query=named(p.getter.query)) if p.getter else None
        )
        for name, p in component.properties.items()
    }
    return Component({named(q): r for q, r in component.dialogues.items()}, properties)


def _shown(prop: Property, values: Mapping[str, Value]) -> _Attempt:
    assert prop.getter is not None
    reply = prop.getter.reply
    if not isinstance(reply, RandomReply | BadReply):
        try:
            return reply.written({"": values[prop.name]}).encode(), False
        except ValueError:
            return None, True
    return reply, False


def _settings(component: Component, query: bytes) -> Iterator[tuple[Property, dict[str, Value]]]:
    """Yield each property whose setter reads a query, with what stands in its fields."""
    try:
        text = query.decode("utf-8")
    except UnicodeDecodeError:
        return
    for prop in component.properties.values():
        if prop.setter is not None:
            values = prop.setter.command.read(text)
            if values is not None:
                yield prop, values


def _known(component: Component) -> list[str]:
    setters = [p.setter.command.text for p in component.properties.values() if p.setter]
    getters = [p.getter.query for p in component.properties.values() if p.getter]
    return [*component.dialogues, *getters, *setters]


def _file(value: object, folder: Path) -> Path:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"is {value!r}, not the name of a file")
    return folder / value


def _name(value: object, folder: Path) -> str:
    if not isinstance(value, str):
        raise ValueError(f"is {value!r}, not a name")
    return value


def _build(setup: Setup) -> Scripted:
    file, name = setup.settings["file"], setup.settings["device"]
    definition = read_device(file, name)
    ends = definition.terminators_for(*KINDS.get(setup.serve, OTHER_KINDS))
    return Scripted(setup.world, definition, terminators=ends)


MODEL = Model(_build, settings=(Setting("file", _file, is_required=True), Setting("device", _name)))


def _build_resource(setup: Setup) -> Scripted:
    resource: Resource = setup.settings["resource"]
    return Scripted(
        setup.world,
        resource.definition,
        terminators=resource.definition.terminators_for(resource.kind),
        resource=resource.name,
    )


RESOURCE = Model(_build_resource)
