"""What a nodespace lends its nodes: the bench, the run, the worker's folder; found by type."""

from typing import TypeVar

T = TypeVar("T")


class Services:
    """One instance per type."""

    def __init__(self) -> None:
        self._by_type: dict[type, object] = {}

    def provide(self, kind: type[T], instance: T) -> None:
        """Lend `instance` as the `kind`, in place of an earlier one."""
        self._by_type[kind] = instance

    def withdraw(self, kind: type) -> None:
        """Lend none any more."""
        self._by_type.pop(kind, None)

    def get(self, kind: type[T]) -> T | None:
        """The one that is lent, or None."""
        found = self._by_type.get(kind)
        return found if isinstance(found, kind) else None
