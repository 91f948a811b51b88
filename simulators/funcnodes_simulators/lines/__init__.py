"""The lines that lead to simulated instruments, and what stands between a line and an instrument.

A `Station` puts an instrument behind any of them. Each module serves one kind of line: a TCP port,
a pseudo-terminal, HiSLIP, VXI-11, a Prologix adapter, or memory.
"""
