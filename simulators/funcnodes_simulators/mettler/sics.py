"""A balance that speaks Mettler-Toledo's Standard Interface Command Set (MT-SICS), level 0 and 1.

Weighs the vessel on its pan, to 10 mg and up to 220 g; what changes by more than two digits within
a second is dynamic. Weights that are asked for when stable, zero and tare wait for that. Source:
Mettler-Toledo, MT-SICS reference manual, chapter 3 (formats) and 4.1, 4.2 (commands I1 to I4, S,
SI, Z, ZI, T, TI, TA, @).
"""

from collections import deque
from collections.abc import Callable, Generator

from funcnodes_simulators.instruments.models import Attachment, Model, Setup
from funcnodes_simulators.instruments.quiet import Quiet
from funcnodes_simulators.physics import Vessel, World
from funcnodes_simulators.scpi import Execution, LineBuffer
from funcnodes_simulators.strict import not_understood

MOST_G, READABILITY_G, NOISE_G = 220.0, 0.01, 0.003
LOOKS_S, WINDOW_S, WAITS_S = 0.1, 1.0, 10.0
SYNTAX_ERROR = "ES"


class MettlerSics(Quiet):
    """The balance: hand it messages by `execute`."""

    terminator = b"\r\n"
    input_limit_bytes = 128

    def __init__(
        self, world: World, vessel: Vessel | None = None, *, serial: str = "SIM0001"
    ) -> None:
        self._world = world
        self._vessel = vessel
        self._serial = serial
        self._seen: deque[tuple[float, float]] = deque()
        self._reset()
        world.moves(self._look)

    def input_buffer(self) -> LineBuffer:
        return LineBuffer(self.input_limit_bytes, takes_blocks=False)

    def execute(self, message: str) -> Execution:
        self._world.step()
        answer = yield from self._answer(message.strip())
        return answer.encode("ascii")

    def power_cycle(self) -> None:
        """Where the vessel stands is zero when it is switched on."""
        self._world.step()
        self._reset()

    def state(self) -> dict[str, object]:
        self._world.step()
        return {"model": "mettler_sics", "mass_g": self._mass_g(), "net_g": self._net_g()}

    def _reset(self) -> None:
        self._zero_g, self._tare_g = self._mass_g(), 0.0

    def _mass_g(self) -> float:
        return self._vessel.mass_g if self._vessel is not None else 0.0

    def _net_g(self) -> float:
        return self._mass_g() - self._zero_g - self._tare_g

    def _look(self, now_s: float) -> None:
        if self._seen and now_s - self._seen[-1][0] < LOOKS_S:
            return
        self._seen.append((now_s, self._mass_g()))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()

    @property
    def _is_stable(self) -> bool:
        now_g = self._mass_g()
        return all(abs(each - now_g) <= 2 * READABILITY_G for _, each in self._seen)

    def _answer(self, message: str) -> Generator[float, None, str]:
        known: dict[str, Callable[[], str]] = {
            "I1": lambda: 'I1 A "01" "2.30" "2.20" "" ""',
            "I2": lambda: f'I2 A "PB202 {MOST_G:.2f} g"',
            "I3": lambda: 'I3 A "1.10 10.28.0.493.142"',
            "I4": lambda: f'I4 A "{self._serial}"',
            "SI": lambda: self._weight("S"),
            "TA": lambda: f"TA A {self._tare_g:10.2f} g",
            "ZI": lambda: self._zeroed("ZI D"),
            "TI": lambda: self._tared("TI D"),
            "@": self._restart,
        }
        when_stable: dict[str, Callable[[], str]] = {
            "S": lambda: self._weight("S"),
            "Z": lambda: self._zeroed("Z A"),
            "T": lambda: self._tared("T S"),
        }
        if message in when_stable:
            if (yield from self._waits()):
                return when_stable[message]()
            return f"{message} I"
        if message not in known:
            not_understood(message, f"it answers {SYNTAX_ERROR}", None)
            return SYNTAX_ERROR
        return known[message]()

    def _waits(self) -> Generator[float, None, bool]:
        began_s = self._world.clock.now()
        while not self._is_stable:
            if self._world.clock.now() - began_s >= WAITS_S:
                return False
            yield LOOKS_S
            self._world.step()
        return True

    def _weight(self, name: str) -> str:
        if self._mass_g() - self._zero_g > MOST_G:
            return f"{name} +"
        shown_g = round((self._net_g() + self._world.noise(NOISE_G)) / READABILITY_G)
        return f"{name} {'S' if self._is_stable else 'D'} {shown_g * READABILITY_G + 0.0:10.2f} g"

    def _zeroed(self, answer: str) -> str:
        self._zero_g, self._tare_g = self._mass_g(), 0.0
        return answer

    def _tared(self, answer: str) -> str:
        self._tare_g = self._mass_g() - self._zero_g
        return f"{answer} {self._tare_g:10.2f} g"

    def _restart(self) -> str:
        self._tare_g = 0.0
        return f'I4 A "{self._serial}"'


def _build(setup: Setup) -> MettlerSics:
    vessel = setup.vessel() if "vessel" in setup.things else None
    return MettlerSics(setup.world, vessel, serial=setup.serial)


MODEL = Model(
    _build, attachments=(Attachment("vessel", "vessel", is_source=False, is_required=False),)
)
