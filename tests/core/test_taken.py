"""What every node keeps for itself: a class that uses such a name is refused as it is made."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from funcnodes.core import Node, NodeDecorator
from funcnodes.errors import GraphError

from ..waiting import patience


def by_assigning() -> None:
    class Ramp(Node):
        def func(self, a: float) -> None:
            self._errand = a


def by_assigning_in_a_coroutine() -> None:
    class Ramp(Node):
        async def func(self, a: float) -> None:
            self.speed, self._began = a, a


def by_assigning_in_a_function_inside() -> None:
    class Ramp(Node):
        def func(self, a: float) -> Callable[[], None]:
            def later() -> None:
                self._args = (a,)

            return later


def by_assigning_in_a_property() -> None:
    class Ramp(Node):
        @property
        def speed(self) -> float:
            return 1.0

        @speed.setter
        def speed(self, speed: float) -> None:
            self._wave: Any = speed


def by_assigning_in_a_class_that_is_mixed_in() -> None:
    class Timed:
        def begin(self) -> None:
            self._later = 1.0

    class Ramp(Timed, Node):
        pass


def by_assigning_what_is_public() -> None:
    class Ramp(Node):
        def __init__(self) -> None:
            super().__init__()
            self.engine = "diesel"  # type: ignore[assignment]  # the mistake itself


def by_a_method() -> None:
    class Ramp(Node):
        def _requeue(self, *_: Any) -> None:
            """Called by the engine, to everybody's surprise."""


def by_an_attribute() -> None:
    class Ramp(Node):
        _muted = True


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (by_assigning, r"Ramp assigns self\._errand, which every node keeps for itself\."),
        (by_assigning_in_a_coroutine, r"assigns self\._began"),
        (by_assigning_in_a_function_inside, r"assigns self\._args"),
        (by_assigning_in_a_property, r"assigns self\._wave"),
        (by_assigning_in_a_class_that_is_mixed_in, r"assigns self\._later"),
        (by_assigning_what_is_public, r"assigns self\.engine"),
        (by_a_method, r"defines _requeue"),
        (by_an_attribute, r"defines _muted"),
    ],
)
def test_a_name_that_is_taken_is_refused(make: Callable[[], None], sentence: str) -> None:
    with pytest.raises(GraphError, match=sentence) as caught:
        make()
    assert caught.value.hint


async def test_the_same_names_elsewhere_are_nobodys_business() -> None:
    class Other:
        _errand = 0

    class Ramp(Node):
        node_id = "taken.ramp"

        def __init__(self) -> None:
            super().__init__()
            self._speed = 2.0
            self.policy = "settled"

        def func(self) -> None:
            other = Other()
            other._errand = 1
            self._speed = float(other._errand)

    @NodeDecorator("taken.function")
    def function(item: Any) -> Any:
        item._errand = 2
        return item

    node, made = Ramp(), function()
    await node
    made.inputs["item"].value = Other()
    await made
    assert (node._speed, made.outputs["out"].value._errand) == (1, 2)


def test_a_copy_of_a_class_is_as_good() -> None:
    """As `@dataclass(slots=True)` makes one."""

    class Ramp(Node):
        def func(self) -> None:
            """Nothing."""

    members = {k: v for k, v in vars(Ramp).items() if k not in ("__dict__", "__weakref__")}
    assert issubclass(type("Ramp", (Node,), members), Node)


def test_making_classes_stays_cheap() -> None:
    """A class in a second package costs well under a millisecond."""
    script = (
        "import time\n"
        "from funcnodes import Node\n"
        "def make():\n"
        "    class Ramp(Node):\n"
        "        def func(self, a=1):\n"
        "            self.speed = a\n"
        "make()\n"
        "began = time.thread_time()\n"
        "for _ in range(200): make()\n"
        "print((time.thread_time() - began) / 200)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=patience()
    )
    assert float(done.stdout) < 0.001, done.stderr
