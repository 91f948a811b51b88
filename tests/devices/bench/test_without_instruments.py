"""What a bench knows and does where no instrument is connected."""

from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig


def test_emergency_bytes_begin_with_the_terminator() -> None:
    """S3."""
    bench = Bench.builtin("demo")
    assert bench.devices["smu"].emergency_bytes() == b"\n:ABOR\n:OUTP OFF\n"
    assert bench.devices["tc"].emergency_bytes() == b"\r\nRANGE 1,0;RANGE 2,0\r\n"


async def test_an_empty_bench_opens_stops_and_closes() -> None:
    async with Bench(BenchConfig("empty")) as bench:
        assert await bench.estop("smoke", "anna") == []
        assert bench.simulated == (0, 0)
