"""Tests of drivers and benches, one's own included, without hardware.

Installed with funcnodes, pytest offers these fixtures:

    dialogue    a driver against a script of exact bytes, nothing left over
    simulate    simulated benches on real wires: TCP sockets and pseudo-terminals
    faults      what goes wrong on them, and when
    open_bench  a bench of drivers and addresses, connected

See `plugin` for each of them. Nothing is imported before a test asks for it.
"""
