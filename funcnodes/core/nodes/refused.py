"""Edges of older files that would not be made here, kept with their input for people to see to.

An edge whose types do not fit works as it did there: values pass as they are, and it is marked *not
checked*. One that cannot be made at all is *refused*: it is kept aside, and says what is lost.
"""

from dataclasses import dataclass
from typing import Any, Self

from funcnodes.errors import SavedGraphError


@dataclass(frozen=True, slots=True)
class OlderEdge:
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
        raise SavedGraphError("A marked wire in the file is not three texts.")
