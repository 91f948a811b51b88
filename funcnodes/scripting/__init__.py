"""Benches and runs in plain Python, without a graph: for scripts, notebooks and the prompt.

    async with open_bench("demo") as bench:
        await bench.smu.compliance.set("1 mA")
        await bench.smu.output.set(True)
        async with bench.run("I-V") as run:
            async for volts in run.sweep("0 V", "0.7 V", points=51):
                await bench.smu.voltage.set(volts)
                run.record(volts=volts, **await bench.smu.reading.get())

The same limits, interlocks, E-STOP, guardian and run files as everywhere else. With a plain `with`
the same words block, which suits a prompt that has no loop, and other threads.
"""

from funcnodes.scripting.blocking import BlockingBench
from funcnodes.scripting.frames import ScriptFrame, ScriptPoint
from funcnodes.scripting.live import LiveCurve, live
from funcnodes.scripting.measured import Measured
from funcnodes.scripting.members import ScriptDevice, ScriptMember
from funcnodes.scripting.nodes import NodeFunction, ScriptNode, function, marked
from funcnodes.scripting.opening import ScriptBench, open_bench
from funcnodes.scripting.picture import GraphPicture, picture
from funcnodes.scripting.runs import ScriptRun
from funcnodes.scripting.tables import ScriptTable
from funcnodes.scripting.worker import WorkerBench
from funcnodes.scripting.worker_run import WorkerRun

__all__ = [
    "BlockingBench", "GraphPicture", "LiveCurve", "Measured", "NodeFunction", "ScriptBench",
    "ScriptDevice", "ScriptFrame", "ScriptMember", "ScriptNode", "ScriptPoint", "ScriptRun",
    "ScriptTable", "WorkerBench", "WorkerRun", "function", "live", "marked", "open_bench",
    "picture",
]  # fmt: skip
