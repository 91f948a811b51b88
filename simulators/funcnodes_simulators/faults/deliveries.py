"""What becomes of a reply, or of the line it goes out on: a list of these, in order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes go out, a while after the delivery before them.

    Attributes:
        is_apart: It holds up nothing that follows.
    """

    data: bytes
    after_s: float = 0.0
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """These bytes go out together with the next ones, alone if none come for a while."""

    data: bytes
    for_s: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """The line closes after what was sent before has left, or is reset at once."""

    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class GoDead:
    """Nothing comes through the line any more, though it looks open."""


@dataclass(frozen=True, slots=True)
class LosePower:
    """The instrument goes off and on again."""


Delivery = Send | Hold | HangUp | GoDead | LosePower
