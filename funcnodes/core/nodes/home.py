"""What a node may ask of the nodespace that it is in.

`graph.nodespace.NodeSpace` is one; nodes name it by this, since it is made of them.
"""

from typing import Literal, Protocol, TypeVar

from funcnodes.core.events import Listener
from funcnodes.core.nodes.place import Place, Section
from funcnodes.core.running.engine import Engine
from funcnodes.core.running.reservations import Reservations
from funcnodes.core.running.waves import Wave
from funcnodes.core.services import Services

Arming = Literal["disarmed", "live", "running"]
N = TypeVar("N")
Out = TypeVar("Out", contravariant=True)


class Frames(Protocol[N, Out]):
    """Which frames hold which nodes."""

    def frame_of(self, node: N) -> N | None:
        """The frame that holds `node`, if it is here."""

    def members(self, frame: N, section: Section | None = None) -> list[N]:
        """What `frame` holds, in one section or in all."""

    def sets_off(self, output: Out, member: N) -> bool:
        """Whether a value from `output` may trigger `member`, whose frame is here."""

    def heed(self, node: N) -> None:
        """Have only those edges of a member trigger it that come from within its section."""


class Home(Protocol[N, Out]):
    """A nodespace, as its nodes see it.

    Attributes:
        services: What nodes may use of their surroundings.
        reservations: What is kept for whom.
        engine: Runs its nodes.
    """

    services: Services
    reservations: Reservations
    engine: Engine

    @property
    def places(self) -> Frames[N, Out]: ...

    @property
    def arming(self) -> Arming: ...

    @property
    def by_hand(self) -> bool:
        """Whether people act in it: outside runs each acts on what is named, nothing else (A1a)."""

    @property
    def acts_alone(self) -> bool:
        """Whether what is wired may act on the world now, without anybody naming it."""

    @property
    def locked(self) -> bool:
        """Whether a run holds structure and inputs as they are (A2)."""

    def check_unlocked(self) -> None:
        """Raises RefusedError while a run is on."""

    def put_in(self, node: N, place: Place | None) -> None:
        """Have a frame hold `node`, or none."""

    def root_wave(self, label: str = "") -> Wave:
        """A new wave; close it, or wait for it, when what belongs to it is set."""

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener(src=…, event=…, **data)` whenever `event` happens."""

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Call it no more."""
