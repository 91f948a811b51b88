"""The simulated bench within the test's process, on real wires all the same."""

from collections.abc import Iterator

import pytest

from funcnodes_simulators import SimulatedBench


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1) as bench:
        yield bench
