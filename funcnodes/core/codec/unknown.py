"""What is not known here: a value that keeps its typed marker through load and save."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value whose type is not known here, kept as it was saved.

    Attributes:
        kind: Its marker.
        type: Name of its type, e.g. "spectra.Peak".
        content: What was saved of it; None for an object that nobody could save.
    """

    kind: str
    type: str
    content: Any

    def __hash__(self) -> int:
        return hash((self.kind, self.type))
