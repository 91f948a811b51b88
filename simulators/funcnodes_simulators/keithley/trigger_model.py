"""The trigger model of a SourceMeter: an arm layer around a trigger layer, and what they wait for.

Out of idle it passes the arm layer `arm_count` times, and in each pass the trigger layer
`trigger_count` times, taking one reading every time. A bus trigger lets it go on where it waits for
one; nothing is wired to the trigger link, the start-of-test line or the TRIG key, so who waits for
those waits until the measurement is given up. Takes no readings itself. Source: 2400 Series
SourceMeter User's Manual, 2400S-900-01, chapter 11, page 15-13 and the TRIGger subsystem of
chapter 18.
"""

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from funcnodes_simulators.physics import Clock
from funcnodes_simulators.scpi import Choice, Integer, ListOf, Number, ScpiError, ScpiInterpreter
from funcnodes_simulators.scpi.interpreter import LIMIT_WORD

MOST_READINGS = 2500
NO_EVENT = "NONE"
ARM_SOURCES = (
    "IMMediate", "TLINk", "TIMer", "MANual", "BUS", "NSTest", "PSTest", "BSTest",
)  # fmt: skip
# A bypass lets the first pass go by where these are waited for (pages 11-12 to 11-14).
BYPASSED = frozenset({"TLIN", "NST", "PST", "BST"})

# Bits of the operation status register.
WAITING_FOR_TRIGGER = 1 << 5
WAITING_FOR_ARM = 1 << 6
IDLE = 1 << 10


@dataclass(slots=True)
class Layer:
    """What either layer can be set to.

    Attributes:
        source: What lets it go on.
        count: How often it is passed.
        direction: SOUR to let the first pass go by without waiting.
        outputs: Events that pulse the output line.
    """

    source: str = "IMM"
    count: int = 1
    direction: str = "ACC"
    input_line: int = 1
    output_line: int = 2
    outputs: tuple[str, ...] = (NO_EVENT,)

    def bypasses(self, *, is_first: bool) -> bool:
        return is_first and self.direction == "SOUR" and self.source in BYPASSED


@dataclass(slots=True)
class TriggerSettings:
    """What `*RST` brings back to its default.

    Attributes:
        inputs: The actions of the trigger layer that wait for its source, each on its own.
    """

    arm: Layer = field(default_factory=Layer)
    trigger: Layer = field(default_factory=Layer)
    timer_s: float = 0.1
    delay_s: float = 0.0
    inputs: tuple[str, ...] = ("SOUR",)

    def trigger_at_once(self) -> None:
        """Wait for nothing and take one reading, as `:CONFigure` has it (chapter 17)."""
        self.arm.source = self.trigger.source = "IMM"
        self.arm.count = self.trigger.count = 1
        self.delay_s = 0.0


class TriggerModel:
    """Decides when readings are taken.

    Attributes:
        settings: Replace them to reset or to recall.
    """

    def __init__(self, scpi: ScpiInterpreter, clock: Clock) -> None:
        self.settings = TriggerSettings()
        self._scpi = scpi
        self._clock = clock
        self._waits_for = ""
        self._declare_layer(":ARM[:SEQuence#][:LAYer#]", "arm", "TENTer", "TEXit")
        self._declare_layer(":TRIGger[:SEQuence#]", "trigger", "SOURce", "DELay", "SENSe")
        self._declare_rest()
        self._show(IDLE)

    def run(
        self, take_reading: Callable[[], Generator[float, None, object]]
    ) -> Generator[float, None, None]:
        """Leave idle, take every reading and return to idle, also when this is broken off.

        Yields:
            Seconds until it goes on; `math.inf` when that takes a trigger.
        """
        settings = self.settings
        due_s = self._clock.now()
        try:
            for arm in range(settings.arm.count):
                yield from self._pass_arm_layer(due_s, is_first=arm == 0)
                due_s = max(due_s, self._clock.now() - settings.timer_s) + settings.timer_s
                for number in range(settings.trigger.count):
                    yield from self._pass_trigger_layer(is_first=number == 0)
                    yield from take_reading()
        finally:
            self._waits_for = ""
            self._show(IDLE)

    def trigger(self) -> None:
        """Do `*TRG` or a group execute trigger; -211 unless the arm layer waits for it."""
        if self._waits_for == "BUS":
            self._waits_for = ""
        else:
            self._scpi.status.report(ScpiError(-211))

    def _pass_arm_layer(self, due_s: float, *, is_first: bool) -> Generator[float, None, None]:
        layer = self.settings.arm
        if layer.source == "TIM":
            self._show(WAITING_FOR_ARM)
            yield max(0.0, due_s - self._clock.now())
        elif layer.source != "IMM" and not layer.bypasses(is_first=is_first):
            yield from self._wait(layer.source, WAITING_FOR_ARM)
        self._show(0)

    def _pass_trigger_layer(self, *, is_first: bool) -> Generator[float, None, None]:
        layer = self.settings.trigger
        for event in self.settings.inputs:
            is_bypassed = event == "SOUR" and layer.bypasses(is_first=is_first)
            if layer.source != "IMM" and event != NO_EVENT and not is_bypassed:
                yield from self._wait(layer.source, WAITING_FOR_TRIGGER)
        self._show(0)

    def _wait(self, source: str, condition: int) -> Generator[float, None, None]:
        self._show(condition)
        self._waits_for = source
        while self._waits_for:
            yield math.inf

    def _show(self, condition: int) -> None:
        self._scpi.status.operation.set_condition(condition)

    # Declaring settings

    def _declare_layer(self, header: str, name: str, *events: str) -> None:
        sources = ARM_SOURCES if name == "arm" else ARM_SOURCES[:2]
        self._choice(f"{header}:SOURce", name, "source", *sources)
        wiring = f"{header}[:TCONfigure]"
        self._choice(f"{wiring}:DIRection", name, "direction", "SOURce", "ACCeptor")
        self._integer(f"{wiring}[:ASYNchronous]:ILINe", name, "input_line", Integer(1, 4, 1))
        self._integer(f"{wiring}[:ASYNchronous]:OLINe", name, "output_line", Integer(1, 4, 2))
        self._integer(f"{header}:COUNt", name, "count", Integer(1, MOST_READINGS, 1))
        self._events(
            f"{wiring}[:ASYNchronous]:OUTPut",
            lambda outputs: setattr(self._layer(name), "outputs", outputs),
            lambda: self._layer(name).outputs,
            *events,
        )

    def _declare_rest(self) -> None:
        self._scpi.declare_number(
            ":ARM[:SEQuence#][:LAYer#]:TIMer",
            Number(0.001, 99999.99, 0.1, "S"),
            lambda value: setattr(self.settings, "timer_s", value),
            lambda: self.settings.timer_s,
        )
        self._scpi.declare_number(
            ":TRIGger[:SEQuence#]:DELay",
            Number(0, 999.9999, 0, "S"),
            lambda value: setattr(self.settings, "delay_s", value),
            lambda: self.settings.delay_s,
        )
        self._events(
            ":TRIGger[:SEQuence#][:TCONfigure][:ASYNchronous]:INPut",
            lambda inputs: setattr(self.settings, "inputs", inputs),
            lambda: self.settings.inputs,
            "SOURce",
            "DELay",
            "SENSe",
        )
        self._scpi.declare(":TRIGger[:SEQuence#]:CLEar", lambda: None)

    def _layer(self, name: str) -> Layer:
        return self.settings.arm if name == "arm" else self.settings.trigger

    def _choice(self, header: str, layer: str, name: str, *words: str) -> None:
        self._scpi.declare_choice(
            header,
            Choice(*words),
            lambda word: setattr(self._layer(layer), name, word),
            lambda: str(getattr(self._layer(layer), name)),
        )

    def _integer(self, header: str, layer: str, name: str, integer: Integer) -> None:
        def write(value: int) -> None:
            before = getattr(self._layer(layer), name)
            setattr(self._layer(layer), name, value)
            if self.settings.arm.count * self.settings.trigger.count > MOST_READINGS:
                setattr(self._layer(layer), name, before)
                raise ScpiError(-221)

        def read(word: str | None = None) -> str:
            words = {"MIN": integer.low, "MAX": integer.high, "DEF": integer.default}
            return str(words[word] if word else getattr(self._layer(layer), name))

        self._scpi.declare(header, write, integer)
        self._scpi.declare(f"{header}?", read, LIMIT_WORD)

    def _events(
        self,
        header: str,
        write: Callable[[tuple[str, ...]], object],
        read: Callable[[], tuple[str, ...]],
        *words: str,
    ) -> None:
        """Declare a list of events, which is answered in the order of the layer, or NONE."""
        order = Choice(*words, NO_EVENT)
        short = [order.parse(word) for word in words]

        def set_events(*events: str) -> None:
            if NO_EVENT in events and len(events) > 1:
                raise ScpiError(-221)
            write(tuple(word for word in short if word in events) or (NO_EVENT,))

        self._scpi.declare(header, set_events, ListOf(order))
        self._scpi.declare(f"{header}?", lambda: ",".join(read()))
