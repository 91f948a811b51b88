"""Edges of older files that do not fit: kept with their input, so that people can see to them."""

from dataclasses import dataclass
from typing import Any, Self

from funcnodes.errors import SavedGraphError


@dataclass(frozen=True, slots=True)
class RefusedEdge:
    """An edge that an older version allowed and this one does not.

    Attributes:
        node: Id of the node that it starts from.
        output: Id of the output there.
        why: A plain sentence.
    """

    node: str
    output: str
    why: str

    def dump(self) -> list[str]:
        """Its saved form."""
        return [self.node, self.output, self.why]

    @classmethod
    def load(cls, data: Any) -> Self:
        """Raises SavedGraphError."""
        if isinstance(data, list) and len(data) == 3 and all(isinstance(d, str) for d in data):
            return cls(*data)
        raise SavedGraphError("A refused wire in the file is not three texts.")
