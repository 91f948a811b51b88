"""What a person may ask an instrument in its own words (D5): one question, and nothing else."""

from funcnodes.devices.messages import replies
from funcnodes.errors import RefusedError, ValueRefusedError

RAW_LIMIT = 1_000


def check_query(who: str, command: str) -> None:
    """Refuse what is no single question.

    Raises:
        ValueRefusedError: It is none; says why.
    """
    why = _why_not(command)
    if why:
        raise ValueRefusedError(f"{who}: {replies.shown(command)} was not sent: {why}.", device=who)


def refused_write(who: str, command: str) -> RefusedError:
    """The error for any raw write: nothing is known of what it would do."""
    return RefusedError(
        f"{who}: the raw command {replies.shown(command.strip())} was not sent: "
        "raw writes are off.",
        hint="Use the device's parameters; they have limits and a safe state.",
        device=who,
    )


def _why_not(command: str) -> str:
    header = command.partition(" ")[0]
    if not (command.isascii() and command.isprintable()) or len(command) > RAW_LIMIT:
        return "it is not one line of printable ASCII"
    if ";" in command:
        return "it holds ';', which would begin a second command"
    if not header.endswith("?") or header.count("?") != 1:
        return "it is no query: its first word does not end in '?'"
    return ""
