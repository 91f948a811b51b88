"""The guardian of a run without a worker process: see `funcnodes.workers.guard.guardian`.

Guarantees that outputs are switched off by another process when this one is killed or frozen.
"""

import contextlib
import threading
from collections.abc import Iterator

from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.estop.emergency import Target
from funcnodes.workers.guard.pipe import TURN_S, GuardianProcess


@contextlib.contextmanager
def guarded(bench: Bench) -> Iterator[None]:
    """Keep a guardian over the bench within the block, which is an orderly end however it ends."""
    guardian, ended = GuardianProcess(bench.latch.log), threading.Event()

    def beat() -> None:
        while not ended.wait(TURN_S):
            guardian.beat()

    def plan(_: Device | None = None) -> None:
        guardian.plan(_targets(bench))

    plan()
    heart = threading.Thread(target=beat, daemon=True, name="heart")
    heart.start()
    forget = bench.on_change(plan)
    try:
        yield
    finally:
        forget()
        ended.set()
        heart.join()
        guardian.stand_down()


def _targets(bench: Bench) -> list[Target]:
    """Devices that were reached; simulators that this process started end with it."""
    return [
        target
        for target in bench.emergency.targets("on_worker_death")
        if target.idn and not bench.config.devices[target.device].address.startswith("sim:")
    ]
