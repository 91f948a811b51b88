"""A syringe pump in the manner of a New Era NE-1000, which pours into a vessel.

Speaks the basic mode of its protocol: a command ends in a carriage return, and each is answered by
a packet with address, status and data. One phase; no program, no network of pumps, no safe mode.
A loss of power is told as an alarm in place of the next answer. Source: New Era Pump Systems,
NE-1000 user manual, publication 1200-01, chapter 10 (RS-232), and its table of specifications
(pusher of at most 5.1 cm/min).
"""

import math
import re
from collections.abc import Callable

from funcnodes_simulators.instruments.buffers import Split
from funcnodes_simulators.instruments.contract import InputBuffer
from funcnodes_simulators.instruments.models import Attachment, Model, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.physics import Vessel, World
from funcnodes_simulators.scpi import Execution
from funcnodes_simulators.strict import not_understood

FIRMWARE = "NE1000V3.928"
FASTEST_MM_MIN = 51.0
PER_MINUTE = {"MM": 1.0, "UM": 1e-3, "MH": 1 / 60, "UH": 1e-3 / 60}  # in mL/min
STOPPED, PAUSED, INFUSING, WITHDRAWING = "S", "P", "I", "W"
_NUMBER = re.compile(r"\d{0,4}\.?\d{0,3}")
_PACKET = re.compile(r"(\d{0,2})([A-Z]{3})?(.*)")


class NotDone(Exception):
    """A command that it does not take; its text is what follows the question mark."""


class NewEraNe1000(Quiet):
    """The pump: hand it messages by `execute`."""

    terminator = b""
    input_limit_bytes = 80

    def __init__(
        self, world: World, vessel: Vessel | None = None, *, serial: str = "SIM0001"
    ) -> None:
        self._world = world
        self._vessel = vessel or Vessel()
        self.serial = serial
        self._diameter_mm, self._rate, self._unit = 26.7, 10.0, "MM"
        self._volume_ml, self._direction = 1.0, "INF"
        self._given_ml = {"INF": 0.0, "WDR": 0.0}
        self._left_ml = 0.0
        self._prompt, self._alarm = STOPPED, ""
        self._now_s = world.clock.now()
        self._words: dict[str, Callable[[str], str]] = {
            "VER": lambda _: FIRMWARE,
            "DIA": self._diameter,
            "RAT": self._rate_of,
            "VOL": self._volume,
            "DIR": self._turn,
            "DIS": self._dispensed,
            "CLD": self._clear,
            "RUN": self._run,
            "STP": self._stop,
        }
        world.moves(self._advance)

    def input_buffer(self) -> InputBuffer:
        return Split(self.input_limit_bytes, ends=b"\r")

    def execute(self, message: str) -> Execution:
        self._world.step()
        yield from ()
        if self._alarm:
            alarm, self._alarm = self._alarm, ""
            return _packet(f"A?{alarm}")
        match = _PACKET.fullmatch("".join(message.upper().split()))
        if match is None or int(match[1] or 0) != 0:
            return None
        if match[2] is None:
            return _packet(self._prompt + ("?" if match[3] else ""))
        try:
            data = self._word(match[2])(match[3])
        except NotDone as refusal:
            return _packet(f"{self._prompt}?{refusal}")
        return _packet(self._prompt + data)

    def power_cycle(self) -> None:
        """Settings are kept; what it was doing is not."""
        self._world.step()
        self._prompt, self._left_ml, self._alarm = STOPPED, 0.0, "R"

    def state(self) -> dict[str, object]:
        self._world.step()
        return {
            "model": "newera_ne1000",
            "output": self._is_pumping,
            "diameter_mm": self._diameter_mm,
            "rate_ml_min": self._rate * PER_MINUTE[self._unit],
            "volume_ml": self._volume_ml,
            "direction": self._direction,
            "infused_ml": self._given_ml["INF"],
            "withdrawn_ml": self._given_ml["WDR"],
        }

    @property
    def _is_pumping(self) -> bool:
        return self._prompt in (INFUSING, WITHDRAWING)

    def _advance(self, now_s: float) -> None:
        seconds, self._now_s = now_s - self._now_s, now_s
        if not self._is_pumping:
            return
        step_ml = seconds / 60 * self._rate * PER_MINUTE[self._unit]
        if self._volume_ml > 0:
            step_ml = min(step_ml, self._left_ml)
            self._left_ml -= step_ml
        self._given_ml[self._direction] += step_ml
        if self._direction == "INF":
            self._vessel.pour(step_ml)
        if self._volume_ml > 0 and self._left_ml <= 0:
            self._prompt = STOPPED

    def _word(self, name: str) -> Callable[[str], str]:
        if name not in self._words:
            not_understood(name, "it answers with a question mark", None)
            raise NotDone("")
        return self._words[name]

    def _diameter(self, text: str) -> str:
        if not text:
            return _number(self._diameter_mm)
        self._only_stopped()
        self._diameter_mm = _read(text, 0.1, 50.0)
        return ""

    def _rate_of(self, text: str) -> str:
        if not text:
            return _number(self._rate) + self._unit
        unit = text[-2:] if text[-2:] in PER_MINUTE else ""
        if self._is_pumping and unit:
            raise NotDone("NA")
        rate = _read(text.removesuffix(unit), 0.0, 9999.0)
        most = FASTEST_MM_MIN * math.pi / 4 * self._diameter_mm**2 / 1000
        if rate * PER_MINUTE[unit or self._unit] > most:
            raise NotDone("OOR")
        self._rate, self._unit = rate, unit or self._unit
        return ""

    def _volume(self, text: str) -> str:
        if not text:
            return f"{_number(self._volume_ml)}ML"
        self._only_stopped()
        if text != "ML":
            self._volume_ml = _read(text, 0.0, 9999.0)
        return ""

    def _turn(self, text: str) -> str:
        if not text:
            return self._direction
        if text not in self._given_ml:
            raise NotDone("OOR")
        self._only_stopped()
        self._direction = text
        return ""

    def _dispensed(self, text: str) -> str:
        given = self._given_ml
        return f"I{_number(given['INF'])}W{_number(given['WDR'])}ML"

    def _clear(self, text: str) -> str:
        if text not in self._given_ml:
            raise NotDone("OOR")
        self._only_stopped()
        self._given_ml[text] = 0.0
        return ""

    def _run(self, text: str) -> str:
        if self._is_pumping:
            raise NotDone("NA")
        if self._prompt == STOPPED:
            self._left_ml = self._volume_ml
        self._prompt = INFUSING if self._direction == "INF" else WITHDRAWING
        return ""

    def _stop(self, text: str) -> str:
        """Pumping is paused first, and stopped when it is told so again."""
        if self._prompt == STOPPED:
            raise NotDone("NA")
        self._prompt = PAUSED if self._is_pumping else STOPPED
        return ""

    def _only_stopped(self) -> None:
        if self._is_pumping:
            raise NotDone("NA")


def _packet(text: str) -> bytes:
    return f"\x0200{text}\x03".encode("ascii")


def _number(value: float) -> str:
    """Four digits, at most three of them behind the point."""
    return f"{value:.{3 if value < 10 else 2 if value < 100 else 1}f}"


def _read(text: str, low: float, high: float) -> float:
    digits = text.replace(".", "", 1)
    if not _NUMBER.fullmatch(text) or not 1 <= len(digits) <= 4 or not low <= float(text) <= high:
        raise NotDone("OOR")
    return float(text)


def _build(setup: Setup) -> NewEraNe1000:
    vessel = setup.vessel() if "vessel" in setup.things else None
    return NewEraNe1000(setup.world, vessel, serial=setup.serial)


MODEL = Model(_build, attachments=(Attachment("vessel", "vessel", is_required=False),))
