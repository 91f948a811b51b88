"""How values are to be drawn: hints for whoever draws them, nothing the engine heeds."""

from typing import TypedDict


class RenderOptions(TypedDict, total=False):
    """What a node or a package may say of drawing.

    Attributes:
        typemap: The name of a type → the kind of view that shows it.
        inputconverter: The name of a type → how text typed by a person becomes one.
    """

    typemap: dict[str, str]
    inputconverter: dict[str, str]
