"""ULIDs: 26 characters that name a run everywhere and sort by when it began.

48 bits of Unix milliseconds, then 80 random bits, in Crockford's base 32.
"""

import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("ILO", "110")
LENGTH = 26


def new_ulid(at: float) -> str:
    """A fresh ULID for the moment `at`, in seconds since the epoch."""
    value = (int(at * 1000) & (1 << 48) - 1) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(LENGTH)))


def normalised(text: str) -> str:
    """How a ULID, or the beginning of one, is written: I and L read as 1, O as 0."""
    return text.strip().upper().translate(_READ_AS)


def is_beginning(text: str) -> bool:
    """Whether `text` can be the beginning of a ULID."""
    return 0 < len(text) <= LENGTH and not text.strip(_ALPHABET)
