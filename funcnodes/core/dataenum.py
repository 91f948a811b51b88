"""`DataEnum`: an enumeration whose members stand for data, chosen by name on a port."""

from enum import Enum
from typing import Any


class DataEnum(Enum):
    """An enumeration that reads its members from names, values and "Class.NAME".

    A port of this type accepts any of them; the function receives the member, and
    `Colour.v(member)` gives the data.
    """

    @classmethod
    def interfere(cls, value: Any) -> "DataEnum":
        """The member that is meant.

        Args:
            value: A member, its name, "Class.NAME", or its data; names go before data.

        Raises:
            ValueError: None is meant.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            name = value.removeprefix(f"{cls.__name__}.")
            if name in cls.__members__:
                return cls.__members__[name]
        for member in cls:
            if type(member.value) is type(value) and member.value == value:
                return member
        names = ", ".join(cls.__members__)
        raise ValueError(f"{value!r} is none of {cls.__name__}: {names}.")

    @classmethod
    def v(cls, value: Any) -> Any:
        """The data that is meant; see `interfere`."""
        return cls.interfere(value).value

    @classmethod
    def _missing_(cls, value: object) -> "DataEnum | None":
        try:
            return cls.interfere(value)
        except ValueError:
            return None
