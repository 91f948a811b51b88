"""A node's place in a frame: which frame holds it, and in what section.

It is kept by the frame's id, so that a frame that is taken out and put back holds again what it
held. Who is held where in a nodespace is known to `graph.places`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from funcnodes.errors import SavedGraphError

Section = Literal["enter", "body", "finally"]
SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is held.

    Attributes:
        frame: Id of the frame.
        section: What part of it: once before, once per point, or once at its end.
    """

    frame: str
    section: Section = "body"

    def dump(self) -> dict[str, str]:
        """Its saved form."""
        return {"id": self.frame, "section": self.section}

    @classmethod
    def load(cls, data: Any) -> "Place":
        """Read it; raises SavedGraphError where it is none."""
        if isinstance(data, Mapping) and isinstance(data.get("id"), str):
            section = data.get("section", "body")
            if section in SECTIONS:
                return cls(data["id"], section)
        raise SavedGraphError(f"{data!r} names no frame and section.")
