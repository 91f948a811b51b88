"""Whether a value that reads back is the one that was set or read before.

Numbers are the same within the member's `tol` where it declares one; else as far as the command
renders them, and as far as the reply shows them, but never coarser than a thousandth.
"""

import math
import re
from typing import Any

FINEST = 1e-6  # single precision, which instruments calculate with
COARSEST = 1e-3  # what a short reply may hide at most
_SPEC = re.compile(r"\{v:[^}]*?(?:\.(\d+))?([a-z%]?)\}")
_NUMBER = re.compile(r"[-+]?\d*\.?(\d*)(?:[eE]([-+]?\d+))?")


def same(
    wanted: Any, found: Any, *, template: str = "", reply: str = "", tol: float | None = None,
    resolution: float | None = None,
) -> bool:  # fmt: skip
    """Whether two values are the same.

    Args:
        template: The command that sets it, e.g. ":SOUR:VOLT {v:.9g}".
        reply: How the instrument wrote `found`.
        tol: How far they may be apart, None where nothing is declared.
        resolution: To which multiple of this the instrument rounds.
    """
    if isinstance(wanted, bool) or isinstance(found, bool):
        return bool(wanted == found)
    if not isinstance(wanted, int | float) or not isinstance(found, int | float):
        return _word(wanted) == _word(found)
    if math.isnan(wanted) or math.isnan(found):
        return math.isnan(wanted) and math.isnan(found)
    if tol is not None:
        return abs(found - wanted) <= tol * (1 + 1e-9)
    if isinstance(wanted, int) and isinstance(found, int):
        return wanted == found
    slack = max(_rendered(template, wanted), _shown(reply, wanted), (resolution or 0) / 2, 1e-15)
    return abs(found - wanted) <= slack * (1 + 1e-9)


def _word(value: Any) -> str:
    return str(value).strip().strip("\"'").casefold()


def _rendered(template: str, value: float) -> float:
    """How far a value may be moved by being written into its command."""
    match = _SPEC.search(template)
    relative = FINEST * abs(value)
    if match is None or not match[1]:
        return relative
    digits, kind = int(match[1]), match[2]
    if kind in ("f", "F"):
        return max(relative, 0.5 * 10.0**-digits)
    significant = digits + 1 if kind in ("e", "E") else max(digits, 1)
    return float(max(relative, abs(value) * 10.0 ** (1 - significant)))


def _shown(reply: str, value: float) -> float:
    """The last digit of a reply, a thousandth of the value at most."""
    match = _NUMBER.match(reply.strip())
    if match is None or not match[0]:
        return 0.0
    try:
        last = 10.0 ** (int(match[2] or 0) - len(match[1]))
    except OverflowError:
        return 0.0
    return min(last, COARSEST * abs(value))
