"""Who may do what, and who holds the controls."""

from typing import Any, get_args

import msgspec
import pytest

from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.bench_holder import Controls
from funcnodes.workers.roles import acts_on_bench, at_least, check_role, needed_role

ADA = schema.Actor(id="a", name="Ada", role="operator")
BOB = schema.Actor(id="b", name="Bob", role="admin")
EVE = schema.Actor(id="e", name="Eve", role="viewer")

VIEWERS_MAY = {
    "GetBody", "EStop", "GetRows", "ListRuns", "ExportRun", "GetSnapshot", "GetWatch",
    "GetTraffic", "ExportTraffic",
}  # fmt: skip
NEED_CONTROLS = {
    "RunStart", "RunPause", "RunResume", "RunStop", "RunAbort", "Trigger", "Cancel", "SetLive",
    "DeviceConnect", "DeviceDisconnect", "EStopReset", "InterlockReset",
}  # fmt: skip


@pytest.mark.parametrize("kind", get_args(schema.Body))
def test_every_command_has_its_role(kind: type[Any]) -> None:
    """A new command needs an operator until somebody says otherwise."""
    body = kind(**{field.name: None for field in msgspec.structs.fields(kind) if field.required})
    name = kind.__name__
    assert needed_role(body) == ("viewer" if name in VIEWERS_MAY else "operator")
    assert acts_on_bench(body) == (name in NEED_CONTROLS)
    check_role(BOB, body)
    if name not in VIEWERS_MAY:
        with pytest.raises(RefusedError, match="Eve may only watch"):
            check_role(EVE, body)


def test_roles_include_one_another() -> None:
    assert at_least("admin", "operator")
    assert at_least("operator", "viewer")
    assert not at_least("viewer", "operator")


def test_the_first_operator_who_acts_gets_the_controls() -> None:
    told: list[int] = []
    controls = Controls(changed=lambda: told.append(1))
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
    controls = Controls()
    controls.set_people([ADA, BOB])
    controls.require(ADA)
    controls.set_people([BOB])
    controls.require(BOB)
    assert controls.holder == BOB


def test_a_viewer_cannot_hold_them() -> None:
    controls = Controls()
    controls.set_people([EVE])
    with pytest.raises(RefusedError, match="viewer"):
        controls.take(EVE)
    with pytest.raises(RefusedError, match="viewer"):
        controls.require(EVE)


def test_a_holder_who_is_renamed_stays_the_holder() -> None:
    controls = Controls()
    controls.set_people([ADA])
    controls.require(ADA)
    controls.set_people([schema.Actor(id="a", name="Ada L.", role="operator")])
    assert [(each.name, each.holder) for each in controls.people()] == [("Ada L.", True)]
