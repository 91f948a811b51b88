"""A bus has one owner, too: taken once for all instruments of a bench, free after the last (D1)."""

from pathlib import Path

import pytest

from funcnodes.devices.addresses import parse
from funcnodes.devices.addresses.lease import Leases
from funcnodes.errors import DeviceBusyError

ONE, TWO, THREE = (parse(f"prologix:127.0.0.1:1234/{unit}") for unit in ("22", "24", "26"))


@pytest.fixture
def mine(tmp_path: Path) -> Leases:
    return Leases(tmp_path, "mine")


@pytest.fixture
def others(tmp_path: Path) -> Leases:
    """Another worker's; locks of two descriptors exclude each other within a process, too."""
    return Leases(tmp_path, "others")


def test_a_bus_is_kept_until_the_last_instrument_on_it_is_let_go(
    mine: Leases, others: Leases
) -> None:
    let_go = [mine.take(ONE, "one"), mine.take(TWO, "two")]
    let_go[0]()
    with pytest.raises(DeviceBusyError, match=r"worker 'mine' .* holds it as 'one'"):
        others.take(THREE, "three")
    again = mine.take(ONE, "one")
    let_go[1]()
    with pytest.raises(DeviceBusyError, match="worker 'mine'"):
        others.take(THREE, "three")
    again()
    others.take(THREE, "three")()


def test_two_devices_of_a_bench_are_not_one_instrument(mine: Leases) -> None:
    mine.take(ONE, "one")
    with pytest.raises(DeviceBusyError, match="holds it as 'one'"):
        mine.take(ONE, "the same")


def test_who_cannot_have_the_bus_does_not_keep_the_instrument(
    mine: Leases, others: Leases, tmp_path: Path
) -> None:
    let_go = others.take(TWO, "two")
    with pytest.raises(DeviceBusyError, match="worker 'others'"):
        mine.take(ONE, "one")
    let_go()
    Leases(tmp_path, "third").take(ONE, "one")()


def test_letting_go_twice_frees_nobody_elses(mine: Leases, others: Leases) -> None:
    let_go = mine.take(ONE, "one")
    let_go()
    theirs = others.take(ONE, "one")
    let_go()
    with pytest.raises(DeviceBusyError, match="worker 'others'"):
        mine.take(TWO, "two")
    theirs()
