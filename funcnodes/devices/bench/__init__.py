"""The devices of a worker, opened together and brought down together."""

from funcnodes.devices.bench.bench import FIRST_LOOK_S, NOTICE_S, OPEN_S, TOLD_S, Bench
from funcnodes.devices.bench.stopping import AGAIN_S
from funcnodes.devices.benchfile.find import builtin_benches, find_bench

__all__ = [
    "AGAIN_S", "FIRST_LOOK_S", "NOTICE_S", "OPEN_S", "TOLD_S", "Bench", "builtin_benches",
    "find_bench",
]  # fmt: skip
