"""SCPI error numbers, their wording, and the bounded queue that keeps them.

Numbers and meanings follow SCPI-99 volume 2, chapter 21.8; IEEE 488.2 section 11.5.1 says which
bit of the standard event register each class sets. An instrument's own errors are positive.
"""

from collections import deque

MESSAGES = {
    0: "No error",
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -111: "Header separator error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -120: "Numeric data error",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -141: "Invalid character data",
    -148: "Character data not allowed",
    -151: "Invalid string data",
    -158: "String data not allowed",
    -200: "Execution error",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -430: "Query DEADLOCKED",
}

QUEUE_OVERFLOW = -350

# Bits of the standard event status register (IEEE 488.2, 11.5.1.1).
QUERY_ERROR = 1 << 2
DEVICE_ERROR = 1 << 3
EXECUTION_ERROR = 1 << 4
COMMAND_ERROR = 1 << 5


class ScpiError(Exception):
    """What an instrument puts into its error queue instead of doing as asked.

    Attributes:
        code: SCPI error number; positive ones are the instrument's own.
        text: The wording that goes with it.
    """

    def __init__(self, code: int, text: str | None = None) -> None:
        self.code = code
        self.text = MESSAGES[code] if text is None else text
        super().__init__(f"{code}, {self.text}")

    @property
    def is_command_error(self) -> bool:
        """Whether the message could not even be understood (-100 to -199)."""
        return -199 <= self.code <= -100

    @property
    def event_bit(self) -> int:
        """The standard event bit that this class of error sets; 0 for "no error"."""
        if self.code == 0:
            return 0
        if self.code > 0 or -399 <= self.code <= -300:
            return DEVICE_ERROR
        if self.is_command_error:
            return COMMAND_ERROR
        return EXECUTION_ERROR if self.code > -300 else QUERY_ERROR

    def response(self) -> str:
        """Return the error as `:SYST:ERR?` sends it."""
        sign = "+" if self.code > 0 else ""
        return f'{sign}{self.code},"{self.text}"'


class ErrorQueue:
    """First in, first out; when full, the newest place says that something was lost."""

    def __init__(self, capacity: int = 10) -> None:
        self._capacity = capacity
        self._errors: deque[ScpiError] = deque()

    def __len__(self) -> int:
        return len(self._errors)

    def push(self, error: ScpiError) -> None:
        """Keep an error, or put -350 in the last place if the queue is full."""
        if len(self._errors) < self._capacity:
            self._errors.append(error)
        else:
            self._errors[-1] = ScpiError(QUEUE_OVERFLOW)

    def pop(self) -> ScpiError:
        """Take the oldest error; "No error" when there is none."""
        return self._errors.popleft() if self._errors else ScpiError(0)

    def drain(self) -> list[ScpiError]:
        """Take every error, oldest first."""
        errors = list(self._errors)
        self._errors.clear()
        return errors

    def clear(self) -> None:
        self._errors.clear()
