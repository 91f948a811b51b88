"""Definition files of pyvisa-sim, specifications 1.0 and 1.1, read and checked.

Reading executes nothing: every scalar is text, tags mean nothing, and files are found inside the
folder of the first one only. What is wrong is a `ValueError` of one sentence with its place.

Differences from pyvisa-sim 0.7: a setter without a field, `q: PAUSE`, leaves the value as it is
(there it makes it an empty dictionary, or raises in the client), `bases` work (there they raise
NotImplementedError), `bundled` files are not read, and `null_response` is no response wherever a
response may stand, as its manual says. Source: pyvisa-sim documentation, "Building your own
simulated instruments".
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from funcnodes_simulators.documents import list_of, table_of, text_at, text_of
from funcnodes_simulators.generic.definitions import (
    BadReply,
    Channels,
    Component,
    Definition,
    ErrorMessages,
    ErrorRegister,
    Getter,
    Property,
    RandomReply,
    Reply,
    Resource,
    Setter,
    Specs,
    as_bytes,
)
from funcnodes_simulators.generic.templates import Template, Value

MOST_BYTES = 1 << 20
MOST_DEVICES = 200
MOST_ENTRIES = 100_000
MOST_RANDOM_VALUES = 10000
SUPPORTED = ((1, 0), (1, 1))
NO_RESPONSE = "null_response"
ERRORS = ("command_error", "query_error")
_DECIMAL = r"\s*(-?\d*\.?\d+|-?\d+\.?)\s*"
_RANDOM = re.compile(rf"\{{RANDOM\({_DECIMAL},{_DECIMAL},\s*(\d{{1,6}})\s*\)(:[^{{}}]*)?\}}")
_TYPES: dict[str, type[int] | type[float] | type[str]] = {"int": int, "float": float, "str": str}


@dataclass(slots=True)
class Folder:
    """The files that one definition file may refer to: those beside and below it."""

    path: Path
    _documents: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def document(self, filename: str) -> dict[str, Any]:
        """Read a file of the folder, once.

        Raises:
            ValueError: It is elsewhere, cannot be read, is no YAML or of another specification.
        """
        root = self.path.resolve()
        path = _resolved(root, filename)
        if not path.is_relative_to(root):
            raise ValueError(f"{filename}: is outside the folder of the first file")
        if path not in self._documents:
            try:
                self._documents[path] = _document(path)
            except ValueError as error:
                raise ValueError(f"{filename}: {error}") from None
        return self._documents[path]


def read_device(file: Path, name: str | None = None) -> Definition:
    """Read one device of a file, its only one unless named.

    Raises:
        ValueError: The file or the device is wrong; one sentence with the place.
    """
    folder = Folder(file.parent)
    names = list(table_of(folder.document(file.name).get("devices", {}), f"{file.name}: devices"))
    if name is None:
        if len(names) != 1:
            raise ValueError(f"{file.name} has {len(names)} devices; name one of them by device")
        name = names[0]
    return _Reader(folder, file.name).definition(name)


def read_resources(file: Path) -> list[Resource]:
    """Read every device that a file puts at an address.

    A file without `resources` gives each of its devices, at no address.

    Raises:
        ValueError: The file is wrong; one sentence with the place.
    """
    folder = Folder(file.parent)
    document = folder.document(file.name)
    reader = _Reader(folder, file.name)
    where = f"{file.name}: resources"
    resources = table_of(document.get("resources", {}), where)
    if not resources:
        devices = table_of(document.get("devices", {}), f"{file.name}: devices")
        resources = {f"TCPIP::{name}::SOCKET": {"device": name} for name in devices}
    if len(resources) > MOST_DEVICES:
        raise ValueError(f"{where} has {len(resources)} entries; at most {MOST_DEVICES}")
    found: list[Resource] = []
    for address, entry in resources.items():
        place = f"{where}.{address}"
        table = table_of(entry, place)
        device = text_at(table, "device", place)
        channel_ids = table_of(table.get("channel_ids", {}), f"{place}.channel_ids")
        definition = reader.elsewhere(table, device, place, channel_ids)
        found.append(Resource(address, device, definition))
    return found


class _Reader:
    """Turns the tables of one file into definitions; every complaint says where."""

    def __init__(self, folder: Folder, filename: str) -> None:
        self._folder = folder
        self._filename = filename

    def elsewhere(
        self, table: dict[str, Any], device: str, place: str, channel_ids: dict[str, Any]
    ) -> Definition:
        """Read a device of the file that a table names, or of this one."""
        filename = self._named_file(table, place)
        return _Reader(self._folder, filename).definition(device, channel_ids)

    def definition(self, name: str, channel_ids: dict[str, Any] | None = None) -> Definition:
        table = self._table(name, ())
        where = f"{self._filename}: devices.{name}"
        ends = table_of(table.get("eom", {}), f"{where}.eom")
        channels = table_of(table.get("channels", {}), f"{where}.channels")
        error = table.get("error", {})
        definition = Definition(
            name,
            _component(table, where),
            tuple(
                _channels(channel, (channel_ids or {}).get(key), f"{where}.channels.{key}")
                for key, channel in channels.items()
            ),
            text_of(table.get("delimiter", ";"), f"{where}.delimiter").encode(),
            {_kind(key, where): _terminators(e, f"{where}.eom.{key}") for key, e in ends.items()},
            _responses(error, f"{where}.error"),
            *_error_handlers(error, f"{where}.error"),
        )
        selected = definition.component.properties.get("selected_channel")
        if selected is None and not all(c.is_inline for c in definition.channels):
            raise ValueError(f"{where} has channels to select and no property selected_channel")
        return definition

    def _table(self, name: str, heirs: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        """Return the table of a device with what it takes over from its bases."""
        devices = table_of(
            self._folder.document(self._filename).get("devices", {}), f"{self._filename}: devices"
        )
        where = f"{self._filename}: devices.{name}"
        if name not in devices:
            known = ", ".join(devices) or "none"
            raise ValueError(f"{self._filename} has no device {name!r}; there is {known}")
        me = (self._filename, name)
        if me in heirs:
            raise ValueError(f"{where}.bases lead back to {name}")
        table = table_of(devices[name], where)
        for base in reversed(list_of(table.get("bases", []), f"{where}.bases")):
            entry = {"device": base} if isinstance(base, str) else table_of(base, f"{where}.bases")
            device = text_at(entry, "device", f"{where}.bases")
            filename = self._named_file(entry, f"{where}.bases")
            inherited = _Reader(self._folder, filename)._table(device, (*heirs, me))
            table = _inherit(table, inherited)
        return table

    def _named_file(self, table: dict[str, Any], where: str) -> str:
        """Return the file of the folder that a table names; this one if it names none."""
        if (_optional(table, "bundled", where) or "").lower() == "true":
            raise ValueError(f"{where}: files bundled with pyvisa-sim are not read; copy it here")
        filename = _optional(table, "filename", where)
        if filename is None:
            return self._filename
        try:
            self._folder.document(filename)
        except ValueError as error:
            raise ValueError(f"{where}.filename: {error}") from None
        return filename


def _document(path: Path) -> dict[str, Any]:
    text = _file_text(path)
    import yaml

    try:
        # The base loader makes texts, lists and tables of everything, and nothing else.
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"is not YAML: {at}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"is not YAML: {' '.join(str(error).split())}") from None
    _check_size(document, {})
    table = table_of(document, "the file")
    _check_version(table.get("spec"))
    return table


def _check_size(value: object, sizes: dict[int, int]) -> int:
    """Count the entries of a document, an alias as often as it is used.

    Raises:
        ValueError: There are too many.
    """
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in sizes:
        parts = value if isinstance(value, list) else [*value, *value.values()]
        sizes[id(value)] = 1 + sum(_check_size(part, sizes) for part in parts)
    if sizes[id(value)] > MOST_ENTRIES:
        raise ValueError(f"has more than {MOST_ENTRIES} entries")
    return sizes[id(value)]


def _file_text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


def _resolved(root: Path, filename: str) -> Path:
    try:
        return (root / filename).resolve()
    except (OSError, ValueError, RuntimeError):
        raise ValueError(f"{filename!r}: is no file name") from None


def _check_version(spec: object) -> None:
    if spec is None:
        raise ValueError("spec is missing; it names the version, 1.0 or 1.1")
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", str(spec), re.A)
    if match is None or (int(match[1]), int(match[2])) not in SUPPORTED:
        raise ValueError(f"spec is {spec!r}; 1.0 and 1.1 are understood")


def _inherit(table: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Take over from a base what a table does not say itself, name by name."""
    merged = dict(base)
    for key, value in table.items():
        inherited = base.get(key)
        if isinstance(value, dict) and isinstance(inherited, dict):
            merged[key] = _inherit(value, inherited) if key == "channels" else inherited | value
        elif isinstance(value, list) and isinstance(inherited, list) and key == "dialogues":
            merged[key] = [*inherited, *value]
        else:
            merged[key] = value
    return merged


def _component(table: dict[str, Any], where: str) -> Component:
    dialogues: dict[str, Reply] = {}
    for number, entry in enumerate(list_of(table.get("dialogues", []), f"{where}.dialogues"), 1):
        place = f"{where}.dialogues, number {number}"
        dialogue = table_of(entry, place)
        dialogues[_query(dialogue, place)] = _reply(_optional(dialogue, "r", place))
    properties = table_of(table.get("properties", {}), f"{where}.properties")
    return Component(
        dialogues,
        {name: _property(name, p, f"{where}.properties.{name}") for name, p in properties.items()},
    )


def _property(name: str, value: object, where: str) -> Property:
    table = table_of(value, where)
    specs = _specs(table["specs"], f"{where}.specs") if table.get("specs") else None
    getter = _getter(table["getter"], f"{where}.getter") if "getter" in table else None
    setter = _setter(table["setter"], f"{where}.setter") if "setter" in table else None
    text = text_of(table.get("default", ""), f"{where}.default")
    try:
        default = text if specs is None else specs.value(text)
    except ValueError as error:
        raise ValueError(f"{where}.default is {text!r}: {error}") from None
    return Property(name, default, getter, setter, specs)


def _getter(value: object, where: str) -> Getter:
    table = table_of(value, where)
    text = text_at(table, "r", where).strip(" ")
    reply = _random(text) if "RANDOM" in text else _template(text, f"{where}.r")
    if isinstance(reply, Template) and any(f.name for f in reply.fields):
        raise ValueError(f"{where}.r names a field; a value has no name")
    return Getter(_query(table, where), reply)


def _setter(value: object, where: str) -> Setter:
    table = table_of(value, where)
    command = _template(_query(table, where), f"{where}.q")
    names = [f.name for f in command.fields if f.name not in ("_", "ch_id")]
    if names not in ([], [""]):
        raise ValueError(f"{where}.q has to have one field for the value at most, like {{:.2f}}")
    reply, refusal = _optional(table, "r", where), _optional(table, "e", where)
    return Setter(command, _as_bytes(reply), _as_bytes(refusal))


def _specs(value: object, where: str) -> Specs:
    table = table_of(value, where)
    name = text_at(table, "type", where)
    if name not in _TYPES:
        raise ValueError(f"{where}.type is {name!r}; it must be int, float or str")
    kind = _TYPES[name]
    limits = {
        key: _limit(kind, table[key], f"{where}.{key}") for key in ("min", "max") if key in table
    }
    valid = list_of(table.get("valid", []), f"{where}.valid")
    allowed = frozenset(_limit(kind, item, f"{where}.valid") for item in valid)
    return Specs(kind, limits.get("min"), limits.get("max"), allowed)


def _limit(kind: type[int] | type[float] | type[str], value: object, where: str) -> Value:
    text = text_of(value, where)
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{where} is {text!r}, not of type {kind.__name__}") from None


def _channels(value: object, ids: object, where: str) -> Channels:
    table = table_of(value, where)
    if table.get("bases"):
        raise ValueError(f"{where}.bases: only devices have bases")
    component = _component(table, where)
    is_inline = table.get("can_select") != "False"
    names = list_of(ids or table.get("ids", []), f"{where}.ids")
    if is_inline:
        queries = [*component.dialogues, *_queries(component)]
        for query in queries:
            fields = _template(query, f"{where}: {query!r}").fields
            if any(f.name != "ch_id" for f in fields):
                raise ValueError(f"{where}: {query!r} has a field that is not {{ch_id}}")
    return Channels(component, tuple(text_of(i, f"{where}.ids") for i in names), is_inline)


def _queries(component: Component) -> list[str]:
    return [p.getter.query for p in component.properties.values() if p.getter is not None]


def _kind(key: object, where: str) -> str:
    text = text_of(key, f"{where}.eom")
    if not re.fullmatch(r"[A-Za-z]+ [A-Z]+", text):
        raise ValueError(f"{where}.eom.{text} is no interface and class, like TCPIP INSTR")
    interface, _, resource_class = text.partition(" ")
    return f"{interface.upper()} {resource_class}"


def _terminators(value: object, where: str) -> tuple[bytes, bytes]:
    table = table_of(value, where)
    query, response = (
        _as_bytes(text_at(table, key, where).strip(" ")) or b"" for key in ("q", "r")
    )
    if not query:
        raise ValueError(f"{where}.q is empty; nothing would end a query")
    return query, response


def _responses(error: object, where: str) -> dict[str, bytes | None]:
    if isinstance(error, str):
        return dict.fromkeys(ERRORS, _as_bytes(error))
    responses = table_of(table_of(error, where).get("response", {}), f"{where}.response")
    return {key: _as_bytes(_optional(responses, key, f"{where}.response")) for key in ERRORS}


def _error_handlers(
    error: object, where: str
) -> tuple[tuple[ErrorRegister, ...], tuple[ErrorMessages, ...]]:
    if isinstance(error, str):
        return (), ()
    table = table_of(error, where)
    registers: list[ErrorRegister] = []
    for number, entry in enumerate(list_of(table.get("status_register", []), where), 1):
        place = f"{where}.status_register, number {number}"
        register = table_of(entry, place)
        bits = {k: _limit(int, v, f"{place}.{k}") for k, v in register.items() if k != "q"}
        query = _as_bytes(text_at(register, "q", place)) or b""
        registers.append(ErrorRegister(query, {k: int(v) for k, v in bits.items()}))
    queues: list[ErrorMessages] = []
    for number, entry in enumerate(list_of(table.get("error_queue", []), where), 1):
        place = f"{where}.error_queue, number {number}"
        queue = table_of(entry, place)
        texts = {
            k: _as_bytes(text_of(v, f"{place}.{k}")) or b""
            for k, v in queue.items()
            if k not in ("q", "default", "strict")
        }
        query, default = (_as_bytes(text_at(queue, k, place)) or b"" for k in ("q", "default"))
        queues.append(ErrorMessages(query, default, texts))
    return tuple(registers), tuple(queues)


def _reply(text: str | None) -> Reply:
    if text is not None and "RANDOM" in text:
        return _random(text)
    return _as_bytes(text)


def _random(text: str) -> RandomReply | BadReply:
    match = _RANDOM.search(text)
    if match is None or int(match[3]) > MOST_RANDOM_VALUES:
        return BadReply(text)
    try:
        template = Template(_RANDOM.sub(lambda m: "{" + (m[4] or "") + "}", text, count=1))
    except ValueError:
        return BadReply(text)
    if len(template.fields) != 1:
        return BadReply(text)
    return RandomReply(template, float(match[1]), float(match[2]), int(match[3]))


def _as_bytes(text: str | None) -> bytes | None:
    return None if text is None or text == NO_RESPONSE else as_bytes(text)


def _query(table: dict[str, Any], where: str) -> str:
    return text_at(table, "q", where).strip(" ")


def _template(text: str, where: str) -> Template:
    try:
        return Template(text)
    except ValueError as error:
        raise ValueError(f"{where} {error}") from None


def _optional(table: dict[str, Any], key: str, where: str) -> str | None:
    return text_of(table[key], f"{where}.{key}").strip(" ") if key in table else None
