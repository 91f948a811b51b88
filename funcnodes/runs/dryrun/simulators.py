"""The one door to the simulators' package, which is imported when a dry run begins.

Only bytes go through it: ports of instruments in memory, on our clock.
"""

from collections.abc import Mapping

from funcnodes.devices.transports.memory import BenchClock, SimulatorPort
from funcnodes.errors import BenchError


def ports(bench: str, *, seed: int | None) -> Mapping[str, SimulatorPort]:
    """The instruments of a simulated bench by name, on the current clock.

    Args:
        bench: `demo`, or the path of a bench file of the simulators.
        seed: Makes noise repeat.

    Raises:
        BenchError: There is none, or the file is wrong; the sentence is the simulators'.
    """
    from funcnodes_simulators import BenchError as Wrong, MemoryBench

    try:
        return MemoryBench(bench, clock=BenchClock(), seed=seed).ports
    except Wrong as error:
        raise BenchError(
            f"The simulated bench {bench!r} did not start: {error}.", bench=bench
        ) from error


def models() -> tuple[str, ...]:
    """Names of all models there are, other packages' too."""
    from funcnodes_simulators.models import model_names

    return model_names()


def wiring(model: str) -> dict[str, str]:
    """What a model must be wired to: "dut" or "stage", by the key that says so.

    Raises:
        ValueError: It cannot be imported, or needs more than wires; the message says why.
    """
    from funcnodes_simulators.models import BenchError as Wrong, find_model

    try:
        found = find_model(model)
    except Wrong as error:
        raise ValueError(str(error)) from error
    for setting in found.settings:
        if setting.is_required:
            raise ValueError(f"the model {model} needs to be told its {setting.key}")
    return {each.key: each.kind for each in found.attachments if each.is_required}
