"""An input whose value says what the ports beside it are."""

from typing import Any, Protocol, runtime_checkable

from funcnodes.core import NodeInput


@runtime_checkable
class Shaped(Protocol):
    """A node some of whose ports follow what is chosen on it."""

    def take_shape(self) -> None:
        """Bring the ports in line with what is chosen."""


class ShapingInput(NodeInput):
    """Choosing it brings the ports beside it in line."""

    def receive(self, value: Any, wave: Any, quality: Any = "ok") -> None:
        super().receive(value, wave, quality)
        self._apply()

    def restore(self, value: Any) -> None:
        super().restore(value)
        self.applied = True  # nothing waits to be done about it
        self._apply()

    def unset(self) -> None:
        super().unset()
        self._apply()

    def _apply(self) -> None:
        if isinstance(self.node, Shaped):
            self.node.take_shape()
