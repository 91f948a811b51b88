"""How far an execution has come: one object per node, used like tqdm or through `Node.report`.

    for row in node.progress(rows, desc="rows"):
        ...

It may be told from the node's own thread. What a person sees is brought up to date at most every
50 ms, and always at the end.
"""

from collections.abc import Iterable, Iterator, Sized
from time import perf_counter
from typing import Any, Protocol, Self

from funcnodes.core.running.engine import Engine

EVERY_S = 0.05


class Reporter(Protocol):
    """A node whose progress is told."""

    engine: Engine

    @property
    def execution(self) -> tuple[int, float] | None:
        """Which execution is running, if one is."""

    def progressed(self) -> None:
        """There is something new to see; called on the loop."""


class NodeProgress:
    """Progress of a node's present or last execution.

    Attributes:
        done: How much is done; `n` is the same.
        total: How much there is, or None where nobody knows.
        text: A few words on what is being done; `desc` is the same.
    """

    def __init__(self, node: Reporter) -> None:
        self._node = node
        self.done: float = 0
        self.total: float | None = None
        self.text = ""
        self._items: Iterable[Any] = ()
        self._of: tuple[int, float] | None = None  # the execution that reported
        self._shown = 0.0  # perf_counter()

    def __repr__(self) -> str:
        share = f"{self.done:g}" + ("" if self.total is None else f" of {self.total:g}")
        return f"<NodeProgress {share} {self.text!r}>"

    @property
    def is_reported(self) -> bool:
        """Whether the execution now running has said anything."""
        return self._of is not None and self._of == self._node.execution

    # ── as tqdm does it ───────────────────────────────────────────────────────────────────

    def __call__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: float | None = None,
        *,
        initial: float = 0,
        **_: Any,
    ) -> Self:
        """Begin anew; iterate over the result, or call `update`.

        Args:
            iterable: What to go through.
            desc: A few words.
            total: How much there is; else `len(iterable)` where it has one.

        How tqdm draws its bar (`ncols`, `unit`, `leave`, …) has no meaning here and is ignored.
        """
        items: object = iterable
        if total is None and isinstance(items, Sized):
            total = len(items)
        self._items = () if iterable is None else iterable
        self.show(initial, total, desc or "")
        return self

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def n(self) -> float:
        return self.done

    @n.setter
    def n(self, done: float) -> None:
        self.done = done

    @property
    def desc(self) -> str:
        return self.text

    def update(self, n: float = 1) -> None:
        """So much more is done."""
        self.done += n
        self._tell(at_once=self.done == self.total)

    def reset(self, total: float | None = None) -> None:
        """Nothing is done."""
        self.show(0, self.total if total is None else total, self.text)

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Say what is being done."""
        self.text = desc or ""
        self._tell(at_once=refresh)

    set_description_str = set_postfix_str = set_description

    def refresh(self) -> None:
        """Show it now."""
        self._tell(at_once=True)

    def close(self) -> None:
        """Show it as it is at the end."""
        self._tell(at_once=True)

    # ── what both ways come to ────────────────────────────────────────────────────────────

    def show(self, done: float, total: float | None = None, text: str = "") -> None:
        """Set everything, and show it."""
        self.done, self.total, self.text = done, total, text
        self._tell(at_once=True)

    def _tell(self, *, at_once: bool) -> None:
        now = perf_counter()
        self._of = self._node.execution
        if not at_once and now - self._shown < EVERY_S:
            return
        self._shown = now
        loop = self._node.engine.elsewhere()
        if loop is not None:
            loop.call_soon_threadsafe(self._node.progressed)
        else:
            self._node.progressed()
