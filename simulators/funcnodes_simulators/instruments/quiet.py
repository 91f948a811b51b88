"""What instruments without status and error queue do about trouble on their line: nothing."""


class Quiet:
    """Base of an instrument that cannot be interrupted and forgets what went wrong."""

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None:
        """A reading that was given up leaves no trace."""

    def overrun(self) -> None:
        """A message too long is dropped."""

    def deadlocked(self) -> None:
        """Responses that nobody read are lost."""

    def status_byte(self, *, has_output: bool) -> int:
        return 0
