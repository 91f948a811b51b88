"""The heart beats whatever a diagnosis runs into (S3a)."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from funcnodes.core import Node
from funcnodes.devices.estop.latch import Latch
from funcnodes.workers.guard import guard as guarding
from funcnodes.workers.guard.guard import Guard


class HalfBuilt(Node):
    """A node whose name is not there yet: its __init__ has not come that far."""

    def __init__(self) -> None:
        pass


async def test_a_half_built_node_that_holds_the_loop_does_not_end_the_heart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Guard, "_listening", lambda self: None)
    beats: list[float] = []
    told: list[Any] = []
    monkeypatch.setattr(Guard, "_send", lambda self, message: told.append(message))
    node = HalfBuilt()
    with pytest.raises(AttributeError):
        _ = node.name
    guard = Guard(
        SimpleNamespace(),  # type: ignore[arg-type]  # its listening, which needs one, is left out
        "session",
        latch=Latch(),
        begin=lambda _: None,
        bench=lambda: None,
        running=lambda: node,
    )
    monkeypatch.setattr(guard._watcher, "beat", lambda: beats.append(time.monotonic()))
    guard.start()
    threading.Event().wait(1.2)  # the loop is held, as by an __init__ that takes its time
    held = [message for message in told if isinstance(message, guarding.schema.Blocked)]
    assert [message.node for message in held][-1] == "HalfBuilt"
    before = len(beats)
    assert before >= 3
    threading.Event().wait(0.6)
    assert len(beats) > before
    await asyncio.to_thread(guard.stop)
