"""The command line of the simulators: `python -m funcnodes_simulators BENCH`."""

import argparse
import sys

from funcnodes_simulators.bench.program import FAILED, serve
from funcnodes_simulators.instruments.models import broken_models, find_model, model_names


class ListModels(argparse.Action):
    """`--models`: print what a bench file may name as a model, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        broken = broken_models()
        for name in model_names():
            keys = "" if name in broken else ", ".join(sorted(find_model(name).keys))
            print(f"{name:<16} {broken.get(name, keys)}")
        parser.exit(FAILED if broken else 0)


def main(arguments: list[str] | None = None) -> int:
    """Serve the bench named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m funcnodes_simulators",
        description="Serve a simulated bench until standard input ends.",
    )
    parser.add_argument(
        "bench", help="demo, or the path of a bench file (TOML, or YAML of pyvisa-sim)"
    )
    parser.add_argument("--json", action="store_true", help="print the addresses as JSON")
    parser.add_argument("--control", action="store_true", help="open the control socket")
    parser.add_argument("--seed", type=int, default=None, help="make noise and faults repeat")
    parser.add_argument("--port-base", type=int, default=0, help="first TCP port; free ones if 0")
    parser.add_argument(
        "--time-scale", type=float, default=1.0, help="seconds of the bench per second, 0.1 to 1000"
    )
    parser.add_argument("--faults", help="a file with what goes wrong (TOML)")
    parser.add_argument("--strict", action="store_true", help="fail if a client does wrong")
    parser.add_argument("--models", nargs=0, action=ListModels, help="list the models there are")
    given = parser.parse_args(arguments)
    if given.port_base and not 1024 <= given.port_base <= 65000:
        parser.error(f"--port-base {given.port_base} is outside 1024 to 65000")
    return serve(
        given.bench,
        json=given.json,
        control=given.control,
        seed=given.seed,
        port_base=given.port_base,
        time_scale=given.time_scale,
        faults=given.faults,
        strict=given.strict,
    )


if __name__ == "__main__":
    sys.exit(main())
