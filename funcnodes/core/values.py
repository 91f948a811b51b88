"""`NoValue`: what a port holds before anything was set. Never mistaken for data."""

from typing import Any, Final, Literal, final, get_args

Quality = Literal[
    "ok", "compliance", "overrange", "timeout", "missing", "stale", "changed"
]  # fmt: skip
"""How far a measured value can be trusted (D3, R2)."""

QUALITIES: tuple[Quality, ...] = get_args(Quality)
"""From the best to the worst. Run files keep the index into this: append only, never reorder."""


@final
class NoValueType:
    """Type of the one `NoValue`; false, equal only to itself, kept by copying and pickling."""

    _instance: "NoValueType | None" = None

    def __new__(cls) -> "NoValueType":
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "<NoValue>"

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> "NoValueType":
        return self

    def __deepcopy__(self, memo: Any) -> "NoValueType":
        return self

    def __reduce__(self) -> str:
        return "NoValue"


NoValue: Final = NoValueType()


def shared(value: Any) -> Any:
    """A value as it goes along wires: of an array a view that cannot be written to.

    Whoever wants to change it in place takes a copy; so nobody changes what others hold.
    """
    if value.__class__.__name__ != "ndarray" or value.__class__.__module__ != "numpy":
        return value
    view = value.view()
    view.flags.writeable = False
    return view
