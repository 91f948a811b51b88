"""Who may do what, and who holds the controls."""

import pytest

from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.bench_holder import BenchHolder
from funcnodes.workers.roles import at_least

ADA = schema.Actor(id="a", name="Ada", role="operator")
BOB = schema.Actor(id="b", name="Bob", role="admin")
EVE = schema.Actor(id="e", name="Eve", role="viewer")


def test_roles_include_one_another() -> None:
    assert at_least("admin", "operator")
    assert at_least("operator", "viewer")
    assert not at_least("viewer", "operator")


def test_the_first_operator_who_acts_gets_the_controls() -> None:
    told: list[int] = []
    controls = BenchHolder(changed=lambda: told.append(1))
    controls.set_people([ADA, BOB, EVE])
    controls.require(ADA)
    assert [each.name for each in controls.people() if each.holder] == ["Ada"]
    with pytest.raises(RefusedError, match="Ada holds the controls"):
        controls.require(BOB)
    controls.take(BOB)
    controls.require(BOB)
    with pytest.raises(RefusedError, match="Bob holds"):
        controls.require(ADA)
    assert len(told) == 3


def test_the_controls_are_free_once_the_holder_has_left() -> None:
    controls = BenchHolder()
    controls.set_people([ADA, BOB])
    controls.require(ADA)
    controls.set_people([BOB])
    controls.require(BOB)
    assert controls.holder == BOB


def test_a_viewer_cannot_hold_them() -> None:
    controls = BenchHolder()
    controls.set_people([EVE])
    with pytest.raises(RefusedError, match="viewer"):
        controls.take(EVE)
    with pytest.raises(RefusedError, match="viewer"):
        controls.require(EVE)


def test_a_holder_who_is_renamed_stays_the_holder() -> None:
    controls = BenchHolder()
    controls.set_people([ADA])
    controls.require(ADA)
    controls.set_people([schema.Actor(id="a", name="Ada L.", role="operator")])
    assert [(each.name, each.holder) for each in controls.people()] == [("Ada L.", True)]
