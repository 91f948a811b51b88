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
    -105: "GET not allowed",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -110: "Command header error",
    -111: "Header separator error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -115: "Unexpected number of parameters",
    -120: "Numeric data error",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits",
    -128: "Numeric data not allowed",
    -130: "Suffix error",
    -131: "Invalid suffix",
    -134: "Suffix too long",
    -138: "Suffix not allowed",
    -140: "Character data error",
    -141: "Invalid character data",
    -144: "Character data too long",
    -148: "Character data not allowed",
    -150: "String data error",
    -151: "Invalid string data",
    -158: "String data not allowed",
    -160: "Block data error",
    -161: "Invalid block data",
    -168: "Block data not allowed",
    -170: "Expression error",
    -171: "Invalid expression",
    -178: "Expression data not allowed",
    -200: "Execution error",
    -201: "Invalid while in local",
    -203: "Command protected",
    -210: "Trigger error",
    -211: "Trigger ignored",
    -212: "Arm ignored",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -215: "Arm deadlock",
    -220: "Parameter error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -226: "Lists not same length",
    -230: "Data corrupt or stale",
    -231: "Data questionable",
    -240: "Hardware error",
    -241: "Hardware missing",
    -250: "Mass storage error",
    -256: "File name not found",
    -260: "Expression error",
    -300: "Device-specific error",
    -310: "System error",
    -311: "Memory error",
    -313: "Calibration memory lost",
    -314: "Save/recall memory lost",
    -315: "Configuration memory lost",
    -321: "Out of memory",
    -330: "Self-test failed",
    -340: "Calibration failed",
    -350: "Queue overflow",
    -360: "Communication error",
    -361: "Parity error in program message",
    -362: "Framing error in program message",
    -363: "Input buffer overrun",
    -365: "Time out error",
    -400: "Query error",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    -440: "Query UNTERMINATED after indefinite response",
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

    def push(self, error: ScpiError) -> bool:
        """Keep an error, or put -350 in the last place if the queue is full.

        Returns:
            Whether there was room for it.
        """
        has_room = len(self._errors) < self._capacity
        if has_room:
            self._errors.append(error)
        else:
            self._errors[-1] = ScpiError(QUEUE_OVERFLOW)
        return has_room

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
