"""Executes program messages: the part of a SCPI instrument that all of them share.

Sans-I/O: a message goes in, and a generator comes back that yields for how many seconds the
instrument is busy next, and returns its response message (None for no response). Any text is
survived: what cannot be done ends in the error queue.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from funcnodes_simulators.scpi.errors import ScpiError
from funcnodes_simulators.scpi.headers import HeaderNode, HeaderTree
from funcnodes_simulators.scpi.messages import Unit, split_message, split_unit
from funcnodes_simulators.scpi.parameters import Integer, Parameter, bind
from funcnodes_simulators.scpi.status import (
    OPERATION_COMPLETE,
    POWER_ON,
    EventRegister,
    StatusModel,
)

Response = str | bytes | None
Execution = Generator[float, None, bytes | None]
Handler = Callable[..., Response | Generator[float, None, Response]]


@dataclass(frozen=True, slots=True)
class Command:
    """What stands at a header: its parameters and what it does."""

    handler: Handler
    parameters: Sequence[Parameter] = ()


class ScpiInterpreter:
    """A header tree, the common commands, and the rules that tie messages to them.

    Attributes:
        status: Registers and error queue.
    """

    def __init__(self, identity: str, *, reset: Callable[[], object]) -> None:
        """Build an instrument that knows the common and the required SCPI commands.

        Args:
            identity: The reply to `*IDN?`.
            reset: What `*RST` does.
        """
        self.status = StatusModel()
        self.status.standard.event = POWER_ON
        self._tree: HeaderTree[Command] = HeaderTree()
        self._common: dict[str, Command] = {}
        self._path: HeaderNode[Command] = self._tree.root
        self._responses: list[bytes] = []
        self._declare_common(identity, reset)
        self._declare_required()

    def declare(self, header: str, handler: Handler, *parameters: Parameter) -> None:
        """Teach a header; one that ends in `?` is a query.

        Args:
            header: As a manual writes it, e.g. `:SENSe#:CURRent[:DC]:NPLCycles`, or `*TRG`.
            handler: Called with one value per parameter; returns the response of a query, or a
                generator that yields busy seconds and returns it.
            *parameters: Types of the arguments, in order.
        """
        command = Command(handler, parameters)
        if header.startswith("*"):
            self._common[header] = command
        else:
            self._tree.declare(header, command)

    def execute(self, message: str) -> Execution:
        """Carry out one program message, its terminator already removed.

        After a command error the rest of the message is dropped; after any other error the
        following units are still executed.
        """
        self._path = self._tree.root
        self._responses = []
        try:
            for text in split_message(message):
                yield from self._execute_unit(text)
        except ScpiError as error:
            self.status.report(error)
        return b";".join(self._responses) if self._responses else None

    def overrun(self) -> None:
        """Note that a message was too long for the input buffer."""
        self.status.report(ScpiError(-363))

    def interrupted(self) -> None:
        """Note that a query was given up before its response was ready."""
        self.status.report(ScpiError(-410))

    def deadlocked(self) -> None:
        """Note that responses were lost because nobody read them."""
        self.status.report(ScpiError(-430))

    def _execute_unit(self, text: str) -> Generator[float, None, None]:
        unit = split_unit(text)
        command = self._find(unit)
        try:
            result = command.handler(*bind(command.parameters, unit.arguments))
            if isinstance(result, Generator):
                result = yield from result
        except ScpiError as error:
            if error.is_command_error:
                raise
            self.status.report(error)
            return
        if result is not None:
            self._responses.append(result.encode("latin-1") if isinstance(result, str) else result)

    def _find(self, unit: Unit) -> Command:
        if unit.is_common:
            command = self._common.get(unit.header.upper() + "?" * unit.is_query)
        else:
            node = self._walk(unit)
            command = node.query if unit.is_query else node.command
        if command is None:
            raise ScpiError(-113)
        return command

    def _walk(self, unit: Unit) -> HeaderNode[Command]:
        """Follow a header; the next one of this message starts beside its last mnemonic."""
        start = self._tree.root if unit.is_absolute else self._path
        *parents, last = unit.mnemonics
        beside = self._tree.descend(start, parents)
        node = self._tree.descend(beside, [last])
        self._path = beside
        return node

    def _declare_common(self, identity: str, reset: Callable[[], object]) -> None:
        standard = self.status.standard
        byte = Integer(0, 255)
        self.declare("*IDN?", lambda: identity)
        self.declare("*RST", lambda: _silent(reset()))
        self.declare("*CLS", self.status.clear)
        self.declare("*ESE", lambda mask: setattr(standard, "enable", mask), byte)
        self.declare("*ESE?", lambda: str(standard.enable))
        self.declare("*ESR?", lambda: str(standard.read_event()))
        self.declare("*SRE", self._set_service_enable, byte)
        self.declare("*SRE?", lambda: str(self.status.service_enable))
        self.declare("*STB?", self._status_byte)
        self.declare("*OPC", self._operation_complete)
        self.declare("*OPC?", lambda: "1")
        self.declare("*TST?", lambda: "0")
        self.declare("*WAI", lambda: None)

    def _declare_required(self) -> None:
        self.declare(":SYSTem:ERRor[:NEXT]?", lambda: self.status.errors.pop().response())
        self.declare(":SYSTem:ERRor:COUNt?", lambda: str(len(self.status.errors)))
        self.declare(":SYSTem:ERRor:ALL?", self._all_errors)
        self.declare(":SYSTem:CLEar", self.status.errors.clear)
        self.declare(":SYSTem:VERSion?", lambda: "1996.0")
        self.declare(":STATus:PRESet", self.status.preset)
        self.declare_register(":STATus:OPERation", self.status.operation)
        self.declare_register(":STATus:QUEStionable", self.status.questionable)

    def declare_register(self, header: str, register: EventRegister) -> None:
        """Teach the three parts of a status register under one header."""
        self.declare(f"{header}[:EVENt]?", lambda: str(register.read_event()))
        self.declare(f"{header}:CONDition?", lambda: str(register.condition))
        self.declare(f"{header}:ENABle?", lambda: str(register.enable))
        self.declare(
            f"{header}:ENABle",
            lambda mask: setattr(register, "enable", mask & 0x7FFF),
            Integer(0, 0xFFFF),
        )

    def _set_service_enable(self, mask: int) -> None:
        self.status.service_enable = mask & ~(1 << 6)

    def _status_byte(self) -> str:
        return str(self.status.status_byte(has_output=bool(self._responses)))

    def _operation_complete(self) -> None:
        self.status.standard.event |= OPERATION_COMPLETE

    def _all_errors(self) -> str:
        errors = self.status.errors.drain() or [ScpiError(0)]
        return ",".join(error.response() for error in errors)


def definite_block(data: bytes) -> bytes:
    """Wrap bytes as definite-length arbitrary block response data (IEEE 488.2, 8.7.9)."""
    length = str(len(data)).encode()
    return b"#%d%s%s" % (len(length), length, data)


def _silent(_: object) -> None:
    return None
