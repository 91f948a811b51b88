"""What a 2400's remote interface has set, and the settings in force as a whole.

`*RST` and `*RCL` replace all of them at once: whoever needs one asks `SettingsInForce` for it each
time.
"""

import copy
from dataclasses import dataclass, field

from funcnodes_simulators.keithley.sourcemeter import OVERRANGE, VOLT, Settings, SourceMeter
from funcnodes_simulators.keithley.trigger_model import TriggerSettings
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Choice, ScpiError, ScpiInterpreter

ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
BEYOND_POWER_LIMIT = (826, "Attempt to exceed power limit")


@dataclass(slots=True)
class RemoteSettings:
    """Settings of the remote interface and the trigger model, back to default at `*RST`."""

    elements: tuple[str, ...] = ELEMENTS
    is_binary: bool = False
    is_swapped: bool = False
    is_concurrent: bool = True
    source_delay_s: float = 0.0
    source_delay_auto: bool = True
    auto_output_off: bool = False
    off_mode: str = "NORM"
    filter_type: str = "REP"
    display_on: bool = True
    is_autozero_on: bool = True
    trigger: TriggerSettings = field(default_factory=TriggerSettings)


Saved = tuple[Settings, RemoteSettings]


class SettingsInForce:
    """The settings in force, with the meter that they are for.

    Attributes:
        world: The bench that the meter is on.
        remote: What is set of the remote interface.
    """

    def __init__(self, world: World, meter: SourceMeter) -> None:
        self.world = world
        self.meter = meter
        self.remote = RemoteSettings()

    @property
    def analog(self) -> Settings:
        """What is set of source, limit and meter."""
        return self.meter.settings

    def saved(self) -> Saved:
        """Return a copy of everything, for `*SAV`."""
        return copy.deepcopy((self.analog, self.remote))

    def restore(self, saved: Saved) -> None:
        """Put a copy in force."""
        self.meter.settings, self.remote = copy.deepcopy(saved)

    def check_power(self, source_range: float, limit: float) -> None:
        """Keep to 21 V at 1.05 A and 210 V at 105 mA, the instrument's two corners."""
        source = self.analog.source
        volts, amps = (source_range, limit) if source == VOLT else (limit, source_range)
        if volts > 20.0 * OVERRANGE and amps > 0.1 * OVERRANGE * (1 + 1e-9):
            raise ScpiError(*BEYOND_POWER_LIMIT)

    def declare_flag(self, scpi: ScpiInterpreter, header: str, name: str) -> None:
        """Teach the interpreter a switch of the remote interface."""
        scpi.declare_flag(
            header,
            lambda on: setattr(self.remote, name, on),
            lambda: bool(getattr(self.remote, name)),
        )

    def declare_choice(self, scpi: ScpiInterpreter, header: str, name: str, *words: str) -> None:
        """Teach the interpreter a word of the remote interface."""
        scpi.declare_choice(
            header,
            Choice(*words),
            lambda word: setattr(self.remote, name, word),
            lambda: str(getattr(self.remote, name)),
        )


def flag(is_set: bool) -> str:
    """Write a truth value as the instrument does."""
    return "1" if is_set else "0"
