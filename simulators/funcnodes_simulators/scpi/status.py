"""The status model of IEEE 488.2 and SCPI: what a controller polls to learn that all is well.

Status byte, standard event register, and the 16-bit operation and questionable registers with
their condition, latched event and enable parts (SCPI-99 volume 1, chapter 9).
"""

from dataclasses import dataclass, field

from funcnodes_simulators.scpi.errors import ErrorQueue, ScpiError

# Bits of the status byte.
ERROR_AVAILABLE = 1 << 2
QUESTIONABLE = 1 << 3
MESSAGE_AVAILABLE = 1 << 4
EVENT_SUMMARY = 1 << 5
MASTER_SUMMARY = 1 << 6
OPERATION = 1 << 7

OPERATION_COMPLETE = 1 << 0
POWER_ON = 1 << 7


@dataclass(slots=True)
class EventRegister:
    """A condition, the latched memory of its rising bits, and the mask that reports them."""

    condition: int = 0
    event: int = 0
    enable: int = 0

    def set_condition(self, condition: int) -> None:
        """Change the condition; bits that rise are latched."""
        self.event |= condition & ~self.condition
        self.condition = condition

    def read_event(self) -> int:
        """Return the latched bits and clear them."""
        event, self.event = self.event, 0
        return event

    @property
    def summary(self) -> bool:
        return bool(self.event & self.enable)


@dataclass(slots=True)
class StatusModel:
    """All registers of one instrument and its error queue."""

    errors: ErrorQueue = field(default_factory=ErrorQueue)
    standard: EventRegister = field(default_factory=EventRegister)
    operation: EventRegister = field(default_factory=EventRegister)
    questionable: EventRegister = field(default_factory=EventRegister)
    service_enable: int = 0

    def report(self, error: ScpiError) -> None:
        """Queue an error and set the standard event bit of its class."""
        self.errors.push(error)
        self.standard.event |= error.event_bit

    def status_byte(self, *, has_output: bool = False) -> int:
        """Compute the status byte as `*STB?` sees it."""
        byte = ERROR_AVAILABLE if len(self.errors) else 0
        byte |= QUESTIONABLE if self.questionable.summary else 0
        byte |= MESSAGE_AVAILABLE if has_output else 0
        byte |= EVENT_SUMMARY if self.standard.summary else 0
        byte |= OPERATION if self.operation.summary else 0
        return byte | (MASTER_SUMMARY if byte & self.service_enable else 0)

    def clear(self) -> None:
        """Do `*CLS`: events and errors go, enable masks stay."""
        self.errors.clear()
        for register in (self.standard, self.operation, self.questionable):
            register.event = 0

    def preset(self) -> None:
        """Do `:STAT:PRES`: the SCPI enable masks go to 0."""
        self.operation.enable = 0
        self.questionable.enable = 0
