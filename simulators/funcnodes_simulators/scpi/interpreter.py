"""Executes program messages: the part of a SCPI instrument that all of them share.

Sans-I/O: a message goes in, and a generator comes back that yields for how many seconds the
instrument is busy next (`math.inf` while only a trigger lets it go on), and returns its response
message (None for no response). Any text is survived: what cannot be done ends in the error queue.

A command that goes on after it was executed, a sweep or a movement, is an operation: `begin` it,
and `*OPC`, `*OPC?` and `*WAI` keep to it (IEEE 488.2, chapter 12).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from funcnodes_simulators.scpi.errors import MESSAGES, ScpiError
from funcnodes_simulators.scpi.headers import Declared, HeaderTree, Place, nearest_name
from funcnodes_simulators.scpi.messages import Unit, split_message, split_unit
from funcnodes_simulators.scpi.parameters import (
    Boolean,
    Choice,
    Integer,
    Number,
    Optional,
    Parameter,
    bind,
)
from funcnodes_simulators.scpi.status import (
    ALL_BITS,
    MASTER_SUMMARY,
    OPERATION_COMPLETE,
    POWER_ON,
    EventRegister,
    StatusModel,
)
from funcnodes_simulators.strict import not_understood

S = TypeVar("S")

Response = str | bytes | None
Execution = Generator[float, None, bytes | None]
Handler = Callable[..., Response | Generator[float, None, Response]]

SHORTEST_WAIT_S = 1e-3
HEADER_NOT_FOUND = (-112, -113, -114)
LIMIT_WORD = Optional(Choice("MINimum", "MAXimum", "DEFault"))


@dataclass(frozen=True, slots=True)
class Command:
    """What stands at a header: its parameters and what it does."""

    handler: Handler
    parameters: Sequence[Parameter] = ()
    takes_suffixes: bool = False


class ScpiInterpreter:
    """A header tree, the common commands, and the rules that tie messages to them.

    Attributes:
        status: Registers and error queue.
    """

    def __init__(
        self,
        identity: str,
        *,
        reset: Callable[[], object],
        trigger: Callable[[], Response | Generator[float, None, Response]] | None = None,
        self_test: Callable[[], int] = lambda: 0,
        options: str = "0",
        version: str = "1999.0",
        wording: Mapping[int, str] | None = None,
    ) -> None:
        """Build an instrument that knows the common and the required SCPI commands.

        Args:
            identity: The reply to `*IDN?`.
            reset: What `*RST` does.
            trigger: What `*TRG` does; without it the trigger is ignored, with error -211.
            self_test: What `*TST?` answers, 0 for a healthy instrument.
            options: The reply to `*OPT?`, 0 for none.
            version: The SCPI version that it keeps to.
            wording: Its own words for error numbers of the standard.
        """
        self.status = StatusModel(wording=wording or {})
        self.status.standard.event = POWER_ON
        self._tree: HeaderTree[Command] = HeaderTree()
        self._common: dict[str, Command] = {}
        self._path: Place[Command] = Place(self._tree.root)
        self._responses: list[bytes] = []
        self._operations: list[Callable[[], float]] = []
        self._is_completion_due = False
        self._declare_common(identity, reset, trigger or _ignore_trigger, self_test, options)
        self._declare_required(version)

    def declare(
        self, header: str, handler: Handler, *parameters: Parameter, takes_suffixes: bool = False
    ) -> None:
        """Teach a header; one that ends in `?` is a query.

        Args:
            header: As a manual writes it, e.g. `:SENSe#:CURRent[:DC]:NPLCycles`, or `*TRG`.
            handler: Called with one value per parameter; returns the response of a query, or a
                generator that yields busy seconds and returns it.
            *parameters: Types of the arguments, in order.
            takes_suffixes: Call the handler with the numeric suffixes first, one per `#`.
        """
        command = Command(handler, parameters, takes_suffixes)
        if header.startswith("*"):
            self._common[header] = command
        else:
            self._tree.declare(header, command)

    def declare_number(
        self,
        header: str,
        number: Number,
        write: Callable[[float], object],
        read: Callable[[], float],
        *,
        shown: Callable[[float], str] = lambda value: f"{value:.6E}",
    ) -> None:
        """Teach a numeric setting, its query, and its query with MIN, MAX or DEF."""
        words = {"MIN": number.low, "MAX": number.high, "DEF": number.default}

        def query(word: str | None = None) -> str:
            return shown(read() if word is None else words[word])

        self.declare(header, lambda value: _silent(write(value)), number)
        self.declare(f"{header}?", query, LIMIT_WORD)

    def declare_flag(
        self, header: str, write: Callable[[bool], object], read: Callable[[], bool]
    ) -> None:
        """Teach a setting that is on or off, and its query."""
        self.declare(header, lambda on: _silent(write(on)), Boolean())
        self.declare(f"{header}?", lambda: "1" if read() else "0")

    def declare_choice(
        self, header: str, choice: Choice, write: Callable[[str], object], read: Callable[[], str]
    ) -> None:
        """Teach a setting that is one of some words, and its query."""
        self.declare(header, lambda word: _silent(write(word)), choice)
        self.declare(f"{header}?", read)

    def declare_memory(
        self, memory: "Memory[S]", save: Callable[[], S], restore: Callable[[S], object]
    ) -> None:
        """Teach `*SAV` and `*RCL`.

        Args:
            memory: The places; it outlives a loss of power if its owner does.
            save: Returns a copy of the present settings.
            restore: Takes such a copy back into use.
        """
        place = Integer(memory.first, memory.first + memory.size - 1)
        self.declare("*SAV", lambda number: memory.store(number, save()), place)
        self.declare("*RCL", lambda number: _silent(restore(memory.recall(number))), place)

    def declare_register(self, header: str, register: EventRegister) -> None:
        """Teach the five parts of a status register under one header."""
        self.declare(f"{header}[:EVENt]?", lambda: str(register.read_event()))
        self.declare(f"{header}:CONDition?", lambda: str(register.condition))
        for name, part in (
            ("ENABle", "enable"),
            ("PTRansition", "rising"),
            ("NTRansition", "falling"),
        ):
            self._declare_mask(f"{header}:{name}", register, part)

    def begin(self, left_s: Callable[[], float]) -> None:
        """Start an operation that goes on while other commands are executed.

        Args:
            left_s: How many seconds it still takes; 0 or less when it is complete.
        """
        self._operations.append(left_s)

    @property
    def is_busy(self) -> bool:
        """Whether an operation is pending."""
        self._settle()
        return bool(self._operations)

    def abandon(self) -> None:
        """End every pending operation, and what waits for them, as `*RST` does."""
        self._operations.clear()
        self._is_completion_due = False

    def execute(self, message: str) -> Execution:
        """Carry out one program message, its terminator already removed.

        After a command error the rest of the message is dropped; after any other error the
        following units are still executed.
        """
        self._path = Place(self._tree.root)
        self._responses = []
        self._settle()
        text = message
        try:
            for text in split_message(message):
                yield from self._execute_unit(text)
        except ScpiError as error:
            self.status.report(error)
            if error.is_command_error:
                not_understood(text, str(error), self._nearest(text, error))
        return b";".join(self._responses) if self._responses else None

    def overrun(self) -> None:
        """Note that a message was too long for the input buffer."""
        self.status.report(ScpiError(-363))

    def interrupted(self) -> None:
        """Note that a query was given up before its response was ready."""
        self._responses = []
        self.status.report(ScpiError(-410))

    def deadlocked(self) -> None:
        """Note that responses were lost because nobody read them."""
        self.status.report(ScpiError(-430))

    def fail(self, code: int) -> None:
        """Note an error of any number, as if something had gone wrong inside."""
        self.status.report(ScpiError(code, MESSAGES.get(code, "Device-specific error")))

    def power_on(self) -> None:
        """Begin anew after a loss of power; what `*PSC 0` keeps is kept."""
        self.abandon()
        self._responses = []
        self.status.power_on()

    def status_byte(self, *, has_output: bool) -> int:
        """Return the status byte, whatever is complete by now taken into account."""
        self._settle()
        return self.status.status_byte(has_output=has_output)

    def _execute_unit(self, text: str) -> Generator[float, None, None]:
        unit = split_unit(text)
        command, suffixes = self._find(unit)
        if unit.is_query and self._responses and self._responses[-1].startswith(b"#0"):
            raise ScpiError(-440)
        try:
            arguments = bind(command.parameters, unit.arguments)
            result = command.handler(*([suffixes] if command.takes_suffixes else []), *arguments)
            if isinstance(result, Generator):
                result = yield from result
        except ScpiError as error:
            if error.is_command_error:
                raise
            self.status.report(error)
            return
        if result is not None:
            self._responses.append(result.encode("latin-1") if isinstance(result, str) else result)

    def _nearest(self, text: str, error: ScpiError) -> str | None:
        """Return the known header most like one that was not found."""
        if error.code not in HEADER_NOT_FOUND:
            return None
        unit = split_unit(text)
        typed = unit.header + "?" * unit.is_query
        if unit.is_common:
            return nearest_name(typed, {name: (name, name) for name in self._common})
        return self._tree.nearest(typed)

    def _find(self, unit: Unit) -> tuple[Command, tuple[int, ...]]:
        if unit.is_common:
            common = self._common.get(unit.header.upper() + "?" * unit.is_query)
            if common is None:
                raise ScpiError(-113)
            return common, ()
        place = self._walk(unit)
        declared: Declared[Command] | None
        declared = place.node.query if unit.is_query else place.node.command
        if declared is None:
            raise ScpiError(-113)
        return declared.target, declared.suffixes(place.suffixes)

    def _walk(self, unit: Unit) -> Place[Command]:
        """Follow a header; the next one of this message starts beside its last mnemonic."""
        start = Place(self._tree.root) if unit.is_absolute else self._path
        *parents, last = unit.mnemonics
        beside = self._tree.descend(start, parents)
        place = self._tree.descend(beside, [last])
        self._path = beside
        return place

    def _settle(self) -> None:
        """Forget operations that are complete; the last one does what `*OPC` asked for."""
        if self._operations:
            self._operations = [left_s for left_s in self._operations if left_s() > 0]
        if self._is_completion_due and not self._operations:
            self._is_completion_due = False
            self.status.standard.event |= OPERATION_COMPLETE

    def _wait(self) -> Generator[float, None, None]:
        """Be busy until no operation is pending."""
        self._settle()
        while self._operations:
            yield max(SHORTEST_WAIT_S, max(left_s() for left_s in self._operations))
            self._settle()

    def _declare_common(
        self,
        identity: str,
        reset: Callable[[], object],
        trigger: Handler,
        self_test: Callable[[], int],
        options: str,
    ) -> None:
        status, standard = self.status, self.status.standard
        byte = Integer(0, 255)
        self.declare("*IDN?", lambda: identity)
        self.declare("*OPT?", lambda: options)
        self.declare("*RST", lambda: self._reset(reset))
        self.declare("*TRG", trigger)
        self.declare("*TST?", lambda: str(self_test()))
        self.declare("*CLS", self._clear)
        self.declare("*ESE", lambda mask: setattr(standard, "enable", mask), byte)
        self.declare("*ESE?", lambda: str(standard.enable))
        self.declare("*ESR?", lambda: str(standard.read_event()))
        self.declare("*SRE", self._set_service_enable, byte)
        self.declare("*SRE?", lambda: str(status.service_enable))
        self.declare("*STB?", lambda: str(self.status_byte(has_output=bool(self._responses))))
        self.declare("*OPC", self._operation_complete)
        self.declare("*OPC?", self._completed)
        self.declare("*WAI", self._wait)
        self.declare("*PSC", self._set_power_on_clear, Integer(-32767, 32767))
        self.declare("*PSC?", lambda: "1" if status.clears_at_power_on else "0")

    def _declare_required(self, version: str) -> None:
        errors = self.status.errors
        self.declare(":SYSTem:ERRor[:NEXT]?", lambda: errors.pop().response())
        self.declare(":SYSTem:ERRor:COUNt?", lambda: str(len(errors)))
        self.declare(":SYSTem:ERRor:ALL?", lambda: ",".join(e.response() for e in self._drained()))
        self.declare(":SYSTem:ERRor:CODE[:NEXT]?", lambda: str(errors.pop().code))
        self.declare(
            ":SYSTem:ERRor:CODE:ALL?", lambda: ",".join(str(e.code) for e in self._drained())
        )
        self.declare(":SYSTem:CLEar", errors.clear)
        self.declare(":SYSTem:VERSion?", lambda: version)
        self.declare(":STATus:PRESet", self.status.preset)
        self.declare_register(":STATus:OPERation", self.status.operation)
        self.declare_register(":STATus:QUEStionable", self.status.questionable)

    def _declare_mask(self, header: str, register: EventRegister, part: str) -> None:
        self.declare(
            header, lambda mask: setattr(register, part, mask & ALL_BITS), Integer(0, 0xFFFF)
        )
        self.declare(f"{header}?", lambda: str(getattr(register, part)))

    def _reset(self, reset: Callable[[], object]) -> None:
        self.abandon()
        reset()

    def _clear(self) -> None:
        """Do `*CLS`; it cancels an `*OPC` under way, not the operation (IEEE 488.2, 10.3)."""
        self.status.clear()
        self._is_completion_due = False

    def _set_service_enable(self, mask: int) -> None:
        self.status.service_enable = mask & ~MASTER_SUMMARY

    def _set_power_on_clear(self, value: int) -> None:
        self.status.clears_at_power_on = value != 0

    def _operation_complete(self) -> None:
        self._is_completion_due = True
        self._settle()

    def _completed(self) -> Generator[float, None, str]:
        yield from self._wait()
        return "1"

    def _drained(self) -> list[ScpiError]:
        return self.status.errors.drain() or [ScpiError(0)]


class Memory(Generic[S]):
    """Numbered places for the settings of an instrument; an empty one cannot be recalled."""

    def __init__(self, size: int, *, first: int = 0) -> None:
        self.size = size
        self.first = first
        self._places: dict[int, S] = {}

    def store(self, number: int, settings: S) -> None:
        self._places[number] = settings

    def recall(self, number: int) -> S:
        """Return what was stored.

        Raises:
            ScpiError: -314 when nothing was.
        """
        if number not in self._places:
            raise ScpiError(-314)
        return self._places[number]


def _ignore_trigger() -> None:
    raise ScpiError(-211)


def _silent(_: object) -> None:
    return None
