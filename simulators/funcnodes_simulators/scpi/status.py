"""The status model of IEEE 488.2 and SCPI: what a controller polls to learn that all is well.

Status byte, standard event register, and the 16-bit operation and questionable registers with
their condition, transition, latched event and enable parts (SCPI-99 volume 1, chapter 9; IEEE
488.2, chapter 11). Whether that requests service is the line's to tell: each client polls alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from funcnodes_simulators.scpi.errors import DEVICE_ERROR, ErrorQueue, ScpiError

# Bits of the status byte.
ERROR_AVAILABLE = 1 << 2
QUESTIONABLE = 1 << 3
MESSAGE_AVAILABLE = 1 << 4
EVENT_SUMMARY = 1 << 5
MASTER_SUMMARY = 1 << 6
OPERATION = 1 << 7

OPERATION_COMPLETE = 1 << 0
POWER_ON = 1 << 7

# Bit 15 of a SCPI register is never used (SCPI-99 volume 1, chapter 9).
ALL_BITS = 0x7FFF


@dataclass(slots=True)
class EventRegister:
    """A condition, the latched memory of its changes, and the mask that reports them.

    Attributes:
        condition: What is so now.
        event: What has changed since it was last read.
        enable: The events that count in the summary.
        rising: The bits whose rise is an event; all of them at power-on.
        falling: The bits whose fall is one.
    """

    condition: int = 0
    event: int = 0
    enable: int = 0
    rising: int = ALL_BITS
    falling: int = 0

    def set_condition(self, condition: int) -> None:
        """Change the condition; the transitions asked for are latched."""
        risen, fallen = condition & ~self.condition, self.condition & ~condition
        self.event |= risen & self.rising | fallen & self.falling
        self.condition = condition

    def read_event(self) -> int:
        """Return the latched bits and clear them."""
        event, self.event = self.event, 0
        return event

    def preset(self) -> None:
        """Report nothing, latch every rise (SCPI-99 volume 2, STATus:PRESet)."""
        self.enable, self.rising, self.falling = 0, ALL_BITS, 0

    @property
    def summary(self) -> bool:
        return bool(self.event & self.enable)


@dataclass(slots=True)
class StatusModel:
    """All registers of one instrument and its error queue.

    Attributes:
        others: Registers of an instrument's own, by the bit of the status byte that sums them up.
        wording: An instrument's own words for error numbers of the standard.
        service_enable: The bits of the status byte that request service.
        clears_at_power_on: What `*PSC` sets: whether a loss of power clears the enable masks.
    """

    errors: ErrorQueue = field(default_factory=ErrorQueue)
    standard: EventRegister = field(default_factory=EventRegister)
    operation: EventRegister = field(default_factory=EventRegister)
    questionable: EventRegister = field(default_factory=EventRegister)
    others: dict[int, EventRegister] = field(default_factory=dict)
    wording: Mapping[int, str] = field(default_factory=dict)
    service_enable: int = 0
    clears_at_power_on: bool = True

    def report(self, error: ScpiError) -> None:
        """Queue an error and set the standard event bit of its class."""
        worded = ScpiError(error.code, self.wording.get(error.code, error.text))
        has_room = self.errors.push(worded)
        self.standard.event |= worded.event_bit | (0 if has_room else DEVICE_ERROR)

    def status_byte(self, *, has_output: bool = False) -> int:
        """Compute the status byte as `*STB?` sees it."""
        byte = ERROR_AVAILABLE if len(self.errors) else 0
        byte |= QUESTIONABLE if self.questionable.summary else 0
        byte |= MESSAGE_AVAILABLE if has_output else 0
        byte |= EVENT_SUMMARY if self.standard.summary else 0
        byte |= OPERATION if self.operation.summary else 0
        byte |= sum(bit for bit, register in self.others.items() if register.summary)
        return byte | (MASTER_SUMMARY if byte & self.service_enable else 0)

    def clear(self) -> None:
        """Do `*CLS`: events and errors go, enable masks stay."""
        self.errors.clear()
        for register in (self.standard, self.operation, self.questionable, *self.others.values()):
            register.event = 0

    def preset(self) -> None:
        """Do `:STAT:PRES`: the SCPI registers report nothing and latch every rise."""
        for register in (self.operation, self.questionable, *self.others.values()):
            register.preset()

    def power_on(self) -> None:
        """Begin anew after a loss of power; the enable masks outlive it if `*PSC 0` said so."""
        self.clear()
        self.preset()
        for register in (self.operation, self.questionable, *self.others.values()):
            register.condition = 0
        self.standard.event = POWER_ON
        if self.clears_at_power_on:
            self.standard.enable = self.service_enable = 0
