"""The instrument that a `table` describes: settings remember, measurements answer, limits hold.

What the table does not know is looked for among the commands that every SCPI instrument has, and
mistakes end in its error queue; an instrument that is no SCPI instrument knows nothing else, and
says no or nothing. It has no physics: a measurement follows a setting, or stays as it is.
"""

import difflib
import heapq
from collections.abc import Generator, Iterator
from pathlib import Path

from funcnodes_simulators.generic.quantities import Quantity
from funcnodes_simulators.generic.table import Entry, Table, read_table, read_table_file
from funcnodes_simulators.generic.templates import Value
from funcnodes_simulators.instruments.buffers import TerminatedBuffer
from funcnodes_simulators.instruments.contract import InputBuffer, Verbatim
from funcnodes_simulators.instruments.models import Model, Setting, Setup
from funcnodes_simulators.instruments.simple import ScpiInstrument
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, LineBuffer, ScpiError
from funcnodes_simulators.scpi.messages import split_message
from funcnodes_simulators.strict import not_understood

ODD = Path(__file__).parent / "odd"
ODD_PREFIX = "odd:"
IDENTIFY = "*IDN?"
UNDEFINED_HEADER = -113

_Parts = Generator[float, None, tuple[bytes | None, bytes]]  # a reply, and what ends it


class TableInstrument(ScpiInstrument):
    """The instrument: hand it messages by `execute`."""

    input_limit_bytes = 1 << 16

    def __init__(self, world: World, table: Table, *, serial: str = "SIM0001") -> None:
        self._world = world
        self._table = table
        self._manners = table.manners
        self.terminator = table.terminator
        self.gap_s = table.gap_s
        self._identity = table.identity.replace("{serial}", serial)
        told = [q for entry in table.entries for q in entry.quantities]
        self._quantities = {q.name: q for q in (*told, *(u.quantity for u in table.unasked))}
        self._is_refused = False
        super().__init__(self._identity)

    def input_buffer(self) -> InputBuffer:
        """Return what cuts a client's bytes into messages."""
        if self._table.command_terminator is not None:
            return TerminatedBuffer(self._table.command_terminator, self.input_limit_bytes)
        return LineBuffer(self.input_limit_bytes, takes_blocks=self._table.is_scpi)

    def execute(self, message: str) -> Execution:
        """Carry out a message, and say around its reply what the instrument's manners ask for."""
        self._is_refused = False
        text = self._manners.decoded(message)
        parts = self._execute_scpi(text) if self._table.is_scpi else self._execute_plain(text)
        reply, end = yield from parts
        if self._manners.frames_replies:
            return self._framed(message, reply, end)
        return reply if reply is None or end == self.terminator else Verbatim(reply + end)

    def opened(self) -> float:
        """Learn that a client is there; see `contract.SpeaksUnasked`."""
        if self._manners.reboots:
            self.power_cycle()
        return self._manners.deaf_s

    def unasked(self) -> Iterator[tuple[float, bytes]]:
        """Yield the greeting, then what is said again and again."""
        start_s, said_s = self._manners.deaf_s, 0.0
        if self._manners.greeting:
            yield start_s, self._manners.encoded(self._manners.greeting)
            said_s = start_s
        due = [(start_s + each.every_s, n) for n, each in enumerate(self._table.unasked)]
        heapq.heapify(due)
        while due:
            due_s, number = heapq.heappop(due)
            each = self._table.unasked[number]
            yield due_s - said_s, self._read(each.quantity) + self.terminator
            said_s = due_s
            heapq.heappush(due, (due_s + each.every_s, number))

    def state(self) -> dict[str, object]:
        return {"model": "table", **{name: self._value(q) for name, q in self._quantities.items()}}

    def reset(self) -> None:
        self._values = {name: quantity.default for name, quantity in self._quantities.items()}
        self._turns = dict.fromkeys(self._quantities, 0)

    # ── messages ──────────────────────────────────────────────────────────────────────────────

    def _execute_scpi(self, message: str) -> _Parts:
        replies: list[bytes] = []
        end = self.terminator
        errors = len(self.scpi.status.errors)
        try:
            units = split_message(message)
        except ScpiError as error:
            self._refuse(error)
            return None, end
        for unit in units:
            found = next(self._fitting(unit), None)
            if found is None:
                reply = yield from self._common(unit)
            else:
                entry, values = found
                yield entry.busy_s
                reply = self._do(entry, values)
                end = self.terminator if entry.terminator is None else entry.terminator
            if reply is not None:
                replies.append(reply)
        self._is_refused |= len(self.scpi.status.errors) > errors
        return (b";".join(replies) if replies else None), end

    def _execute_plain(self, message: str) -> _Parts:
        unit = message.strip()
        found = next(self._fitting(unit), None)
        if found is not None:
            entry, values = found
            yield entry.busy_s
            end = self.terminator if entry.terminator is None else entry.terminator
            return self._do(entry, values), end
        if self._identity and unit.upper() == IDENTIFY:
            return self._manners.encoded(self._identity), self.terminator
        self._is_refused = True
        not_understood(unit, "nothing answers it", self._nearest(unit))
        return None, self.terminator

    def _common(self, unit: str) -> Execution:
        """Have the SCPI instrument that it is carry out what the table does not know."""
        if not self._identity and unit.strip().upper() == IDENTIFY:
            not_understood(unit, "it does not say who it is")
            self._refuse(ScpiError(UNDEFINED_HEADER))
            return None
        return (yield from self.scpi.execute(unit))

    def _framed(self, message: str, reply: bytes | None, end: bytes) -> bytes | None:
        manners = self._manners
        said = b""
        if manners.echo:
            said += message.encode("latin-1") + self.terminator
        if reply is not None:
            said += self._line(manners.preface) + reply + end
            said += self._line(manners.status)
        elif self._is_refused:
            said += self._line(manners.refusal)
        else:
            said += self._line(manners.acknowledge)
        said += manners.encoded(manners.prompt)
        return Verbatim(said) if said else None

    def _line(self, text: str) -> bytes:
        return self._manners.encoded(text) + self.terminator if text else b""

    def _fitting(self, unit: str) -> Iterator[tuple[Entry, dict[str, str] | None]]:
        """Yield the entry that a query or a command is, with the values of the command."""
        for entry in self._table.entries:
            if entry.query is not None and entry.query.texts(unit) is not None:
                yield entry, None
            if entry.command is not None and (values := entry.command.texts(unit)) is not None:
                yield entry, values

    def _nearest(self, unit: str) -> str | None:
        templates = [t for e in self._table.entries for t in (e.query, e.command) if t is not None]
        known = [template.text for template in templates]
        return next(iter(difflib.get_close_matches(unit[:100], known, n=1)), None)

    # ── values ────────────────────────────────────────────────────────────────────────────────

    def _do(self, entry: Entry, texts: dict[str, str] | None) -> bytes | None:
        if texts is None:
            separator = self._manners.encoded(entry.separator)
            return separator.join(self._read(q) for q in entry.quantities)
        try:
            if "v" in texts:
                quantity = entry.quantities[0]
                self._values[quantity.name] = quantity.parse(texts["v"].strip())
        except ScpiError as error:
            self._refuse(error)
            return None
        self._values.update(entry.sets)
        return None

    def _refuse(self, error: ScpiError) -> None:
        self._is_refused = True
        self.scpi.status.report(error)

    def _read(self, quantity: Quantity) -> bytes:
        if quantity.replies:
            turn = self._turns[quantity.name]
            self._turns[quantity.name] = turn + 1
            return self._manners.encoded(quantity.replies[turn % len(quantity.replies)])
        value = self._value(quantity)
        if quantity.noise and isinstance(value, float):
            value += self._world.noise(quantity.noise)
        return quantity.sent(value, self._manners.encoding)

    def _value(self, quantity: Quantity) -> Value:
        return self._values[quantity.follows or quantity.name]


def odd_names() -> tuple[str, ...]:
    """Return the tables of odd instruments that come with this package, by name."""
    return tuple(sorted(path.stem for path in ODD.glob("*.toml")))


def _setting(value: object, folder: Path) -> Table:
    if isinstance(value, str) and "\0" not in value:
        try:
            return read_table_file(_file(value, folder))
        except ValueError as error:
            raise ValueError(f"is wrong: {error}") from None
    try:
        return read_table(value)
    except ValueError as error:
        raise ValueError(f"is wrong: {error}") from None


def _file(value: str, folder: Path) -> Path:
    if not value.startswith(ODD_PREFIX):
        return folder / value
    name = value.removeprefix(ODD_PREFIX)
    if name not in odd_names():
        raise ValueError(f"there is no odd instrument {name!r}; there is {', '.join(odd_names())}")
    return ODD / f"{name}.toml"


def _build(setup: Setup) -> TableInstrument:
    return TableInstrument(setup.world, setup.settings["table"], serial=setup.serial)


MODEL = Model(_build, settings=(Setting("table", _setting, is_required=True),))
