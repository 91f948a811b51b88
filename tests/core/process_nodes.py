"""Nodes that the tests run in processes; a module of its own, since processes import it."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from funcnodes.core import Node, NodeDecorator, NodeInput, NodeOutput


class OddError(Exception):
    """Takes more than it keeps, so that it does not pickle."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two} are odd")


@NodeDecorator("test.process.where", separate_process=True)
def where(x: int = 0) -> tuple[int, int]:
    return os.getpid(), x


@NodeDecorator("test.process.double", separate_process=True)
def double(x: Any) -> Any:
    return x * 2


@NodeDecorator("test.process.crash", separate_process=True)
def crash(how: str = "kill") -> int:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        os._exit(3)
    elif how == "sys.exit":
        sys.exit(4)
    elif how == "odd":
        raise OddError(1, 3)
    elif how == "result":
        return lambda: 1  # type: ignore[return-value]  # it does not pickle
    elif how == "error":
        raise ValueError("no such thing")
    return 1


@NodeDecorator("test.process.forever", separate_process=True)
def forever(sign: str) -> int:
    Path(sign).write_text(str(os.getpid()))
    while True:
        pass


@NodeDecorator("test.process.steps", separate_process=True)
def steps(node: Node, n: int = 3) -> int:
    for k in range(n):
        node.report(k + 1, n, f"step {k + 1}")
    return n


@NodeDecorator("test.process.waits", separate_process=True)
async def waits(seconds: float = 0.01) -> int:
    await asyncio.sleep(seconds)
    return os.getpid()


@NodeDecorator("test.process.sum", separate_process=True)
def total(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]  # any array
    return values + 1


@NodeDecorator("test.process.sleeps", separate_process=True)
def sleeps(seconds: float = 0.0) -> float:
    time.sleep(seconds)
    return seconds


class Splits(Node):
    node_id = "test.process.splits"
    default_run_in = "process"
    text = NodeInput("text", str)
    first = NodeOutput("first", str)
    rest = NodeOutput("rest", str)

    def func(self, text: str) -> None:
        self.outputs["first"].value = text[:1]
        self.outputs["rest"].value = text[1:]


def hidden() -> Node:
    """One of a class that is made only when this is called."""

    @NodeDecorator("test.process.hidden", separate_process=True)
    def inside(x: int = 1) -> int:
        return x

    return inside()
