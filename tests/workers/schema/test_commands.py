"""Every command says who may send it and what it changes, and a worker goes by that."""

from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from funcnodes.errors import RefusedError
from funcnodes.workers import schema
from funcnodes.workers.commands import Commands
from funcnodes.workers.roles import check_role

from ..conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")

VIEWERS_MAY = {
    "GetBody", "EStop", "GetRows", "ListRuns", "ExportRun", "GetSnapshot", "GetWatch",
    "GetTraffic", "ExportTraffic", "GetQueue", "GetSafety", "GetHistory", "GetBeforeRun",
    "GetMap",
    "GetVerdicts", "GetReport",
}  # fmt: skip
NEED_CONTROLS = {
    "RunStart", "PlanContinue", "RunContinue",
    "RunPause", "RunResume", "RunStop", "RunAbort", "RunHalt",
    "TriggerNode", "CancelNode", "SetLive", "StopActing", "DeviceConnect", "DeviceDisconnect",
    "DeviceAccept", "EStopReset", "InterlockReset", "AnswerPrompt", "QueueArm",
    "MemberSet", "MemberDo", "DevicePark",
}  # fmt: skip
NEED_THEM_WHERE_THEY_REACH_THE_BENCH = {"Connect": "target", "SetValue": "node"}

every_command = pytest.mark.parametrize("kind", schema.COMMANDS, ids=lambda kind: kind.__name__)


def example(kind: type[schema.WorkerCommand]) -> Any:
    """A command of that kind, about nothing that there is."""
    plain: dict[Any, Any] = {str: "nobody", float: 1.0, int: 1, bool: True, Any: None}
    hints = get_type_hints(kind)

    def value(name: str) -> Any:
        choices = get_args(hints[name])
        return plain[hints[name]] if hints[name] in plain else choices[0] if choices else None

    fields = [field.name for field in msgspec.structs.fields(kind) if field.required]
    made = {name: value(name) for name in fields}
    return kind(
        **{k: [] if get_args(hints[k]) in ((str,), (float,)) else v for k, v in made.items()}
    )


@every_command
def test_every_command_has_its_role_and_its_effect(kind: type[schema.WorkerCommand]) -> None:
    """A new command needs an operator until somebody says otherwise."""
    name, body = kind.__name__, example(kind)
    assert kind.role == ("viewer" if name in VIEWERS_MAY else "operator")
    assert (kind.effect == "acts") == (name in NEED_CONTROLS)
    assert (kind.effect in ("reads", "stops")) == (name in VIEWERS_MAY)
    assert kind.effect in get_args(schema.Effect)
    assert kind.reaches == NEED_THEM_WHERE_THEY_REACH_THE_BENCH.get(name, "")
    check_role(ADA, body)
    if name not in VIEWERS_MAY:
        with pytest.raises(RefusedError, match="Eve may only watch"):
            check_role(EVE, body)


@every_command
def test_every_command_is_carried_out_by_the_method_of_its_name(
    kind: type[schema.WorkerCommand],
) -> None:
    method = getattr(Commands, f"_{kind.__struct_config__.tag}")
    names = {"Bench": Any, "Worker": Any}
    assert get_type_hints(method, localns=names)["body"] is kind


@every_command
def test_every_command_arrives_as_it_was_sent(kind: type[schema.WorkerCommand]) -> None:
    message = schema.CommandMessage(id=7, rev=3, body=example(kind))
    decode = msgspec.msgpack.Decoder(schema.FromBrowser).decode
    assert decode(msgspec.msgpack.encode(message)) == message


@every_command
async def test_a_worker_refuses_whoever_may_not(
    desk: Desk, kind: type[schema.WorkerCommand]
) -> None:
    """Roles first, then the controls, before anything is done."""
    body = example(kind)
    if kind.effect == "reads" or kind.effect == "stops":
        assert "may only watch" not in str(await desk.tell(body, EVE))
        return
    assert "may only watch" in (await desk.refused(body, EVE)).detail
    desk.worker.controls.set_people([ADA, BOB])
    desk.worker.controls.take(ADA)
    answer = str(await desk.tell(body, BOB))
    assert ("Ada holds the controls" in answer) == (kind.effect == "acts")


def test_no_two_commands_look_alike() -> None:
    tags = [kind.__struct_config__.tag for kind in schema.COMMANDS]
    assert len(set(tags)) == len(tags) > 40
