"""Tests of drivers and benches, one's own included, without hardware.

Installed with funcnodes, pytest offers these fixtures, named here by their types:

    dialogue    Dialogue    a driver against a script of exact bytes, nothing left over
    simulate    Simulate    simulated benches on real wires: TCP sockets and pseudo-terminals
    faults      Faults      what goes wrong on them, and when
    open_bench  OpenBench   a bench of drivers and addresses, connected
    replay      Replay      a bench that a recording answers for
    hardware    str         the address of a real instrument, given by `--instrument ADDRESS`

See `plugin` for each of them. Nothing heavy is imported before a test asks for it.
"""

from funcnodes.testing.fixtures import Dialogue, Faults, OpenBench, Replay, Simulate

__all__ = ["Dialogue", "Faults", "OpenBench", "Replay", "Simulate"]
