"""What a link says of a device that is out of reach, or that refused a command."""

import math
from collections.abc import Callable
from functools import partial

from funcnodes.devices.link.contact import Contact, sentence
from funcnodes.errors import DeviceConnectError, DeviceError, InstrumentError

_LATE = "; a late reply may still come"


def offline_error(
    contact: Contact, trouble: str, kind: type[DeviceError], *, is_wanted: bool
) -> DeviceError:
    """That it is offline, why, and what helps or is being done about it."""
    hint = "It is being reconnected in the background." if is_wanted else ""
    if contact.left_s == math.inf:
        hint = "Disconnect and connect it; or declare late_s= or marker= in its driver."
    message = sentence(f"{contact.who} is offline: {contact.without(trouble)}")
    return kind(message, device=contact.name, address=contact.address, hint=hint)


def unreachable_error(
    contact: Contact, why: str, error: DeviceError | None, command: str
) -> DeviceError:
    """That it could not be reached, in the kind of the error that told."""
    kind: Callable[..., DeviceError] = type(error) if error is not None else DeviceConnectError
    if isinstance(error, InstrumentError):
        kind = partial(InstrumentError, code=error.code)
    message = why if why.startswith(contact.who) else f"{contact.who}: {contact.without(why)}"
    hint = error.hint if error is not None else ""
    return kind(
        sentence(message), device=contact.name, address=contact.address, hint=hint, command=command
    )


def waiting_words(contact: Contact, trouble: str) -> str:
    """Why it is not spoken to while a late reply may come, and for how long (D9)."""
    left_s = contact.left_s
    how_long = f"within {left_s:.0f} s" if left_s < math.inf else "at any time"
    return f"{trouble.partition(_LATE)[0].rstrip('.')}{_LATE} {how_long}"


def instrument_error(
    contact: Contact, command: str, errors: list[tuple[int, str]]
) -> InstrumentError:
    """The error for what the instrument said, or put into its queue, after a command."""
    code, text = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InstrumentError(
        f"{contact.who}: {command!r} was answered by error {code}, {text!r}{more}.",
        code=code,
        device=contact.name,
        address=contact.address,
        command=command,
    )
