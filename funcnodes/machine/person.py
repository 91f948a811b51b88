"""The person at this machine."""

import getpass


def user_name() -> str:
    """The OS user's name, or "" where it is not known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without an entry, as in some containers
        return ""
